"""Intent before act, outcome after it, and nothing begun twice: on a real journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from snlm_lib.change.act import Act, Outcome
from snlm_lib.change.ledger import carry_out, change_rows
from snlm_lib.errors import CommandFailed, OutcomeUnknown, SessionLost, SnlmError
from snlm_lib.record.journal import Journal, open_intents
from snlm_lib.remote import commands
from tests.fake_estate import Answer, ScriptedHost

STEP = "05_move_vm"


class Deed:
    """An act that counts how often it was done and looked at; ``ends`` says how, in turn."""

    def __init__(self, *ends: Outcome | Exception, settles: Callable[[datetime], Outcome] | None = None) -> None:
        self.ends = list(ends)
        self.done = 0
        self.act = Act("key-1", "HV01: do it", "HV01", "HV01: undo it", self._do, settles, {"was": False})

    def _do(self) -> Outcome:
        self.done += 1
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end


def lost() -> SessionLost:
    return SessionLost("the session ended", host="HV01")


def refused() -> CommandFailed:
    return CommandFailed("access denied", host="HV01", command="Move-VM", hresult="0x8009030E")


def kinds(journal: Journal) -> list[str]:
    return [entry.kind for entry in journal.entries() if entry.step == STEP]


def test_the_intent_is_on_disk_when_the_act_runs(journal: Journal) -> None:
    seen: list[list[str]] = []

    def do() -> Outcome:
        seen.append(kinds(journal))
        return Outcome("done", "sent", {"n": 1})

    done = carry_out(journal, STEP, Act("k", "HV01: x", "HV01", "back", do, None, {"was": 1}))
    assert seen == [["intent"]]
    assert kinds(journal) == ["intent", "outcome"]
    assert (done.begun_here, done.outcome.result) == (True, "done")
    assert journal.entries()[-2].data["before"] == {"was": 1}


def test_done_is_never_done_again_and_keeps_its_facts(journal: Journal) -> None:
    deed = Deed(Outcome("done", "sent", {"duration_s": 14.5}))
    carry_out(journal, STEP, deed.act)
    again = carry_out(journal, STEP, deed.act)
    assert deed.done == 1
    assert not again.begun_here
    assert again.outcome.facts["duration_s"] == 14.5


def test_a_refused_act_is_failed_and_known_and_may_be_tried_again(journal: Journal) -> None:
    deed = Deed(refused(), Outcome("done"))
    with pytest.raises(CommandFailed):
        carry_out(journal, STEP, deed.act)
    assert open_intents(journal.entries(), STEP) == ()
    assert carry_out(journal, STEP, deed.act).begun_here
    assert [row["result"] for row in change_rows(journal.entries(), STEP)] == ["failed", "done"]


def test_a_lost_session_leaves_the_intent_open_and_nothing_is_begun_again(journal: Journal) -> None:
    deed = Deed(lost(), Outcome("done"))
    with pytest.raises(SessionLost):
        carry_out(journal, STEP, deed.act)
    assert len(open_intents(journal.entries(), STEP)) == 1
    with pytest.raises(OutcomeUnknown) as caught:
        carry_out(journal, STEP, deed.act)
    assert deed.done == 1
    assert "nothing was begun a second time" in str(caught.value)
    assert change_rows(journal.entries(), STEP)[0]["result"] == "unknown"


def test_an_open_intent_is_settled_by_looking_with_the_time_of_the_first_try(journal: Journal) -> None:
    asked: list[datetime] = []
    answers: list[Outcome | Exception] = [lost(), Outcome("done", "found on the destination")]

    def settles(since: datetime) -> Outcome:
        asked.append(since)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    deed = Deed(lost(), settles=settles)
    with pytest.raises(SessionLost):
        carry_out(journal, STEP, deed.act)
    assert len(open_intents(journal.entries(), STEP)) == 1
    done = carry_out(journal, STEP, deed.act)
    assert (deed.done, done.begun_here, done.outcome.result) == (1, False, "done")
    assert asked[1].isoformat() == "2026-11-23T21:04:00+00:00"
    assert open_intents(journal.entries(), STEP) == ()


def test_a_lost_answer_is_settled_at_once_by_looking_and_the_journal_says_so(journal: Journal) -> None:
    deed = Deed(lost(), settles=lambda since: Outcome("done", "its answer was lost, and the host shows it"))
    done = carry_out(journal, STEP, deed.act)
    assert (deed.done, done.begun_here, done.outcome.result) == (1, True, "done")
    assert kinds(journal) == ["intent", "note", "outcome"]
    assert journal.entries()[-2].data["lost"] == "the session ended"
    assert journal.entries()[-1].data["detail"] == "its answer was lost, and the host shows it"


def test_a_look_that_the_host_refuses_says_nothing_of_the_act(journal: Journal) -> None:
    def settles(since: datetime) -> Outcome:
        raise refused()

    with pytest.raises(SessionLost):
        carry_out(journal, STEP, Deed(lost(), settles=settles).act)
    assert len(open_intents(journal.entries(), STEP)) == 1


@pytest.mark.parametrize(("shown", "result"), [([], "failed"), (refused(), None)])
def test_of_an_act_whose_answer_was_lost_only_its_own_refusal_is_a_failure(
    journal: Journal, shown: Answer, result: str | None
) -> None:
    """Asked for the second time it is refused; or already the look whether it was done is."""
    host = ScriptedHost("HV01", {"Get-VMHost": shown, "Enable-VMMigration": lambda n: lost() if n == 1 else refused()})
    act = Act.of(
        host,
        what="HV01: enable",
        do=commands.enable_vm_migration(),
        undo=None,
        before={},
        holds=lambda: bool(host.invoke(commands.get_vm_host()).objects),
    )
    with pytest.raises(SnlmError, match="access denied" if result else "session ended"):
        carry_out(journal, STEP, act)
    assert [entry.data["result"] for entry in journal.entries() if entry.kind == "outcome"] == [result][: bool(result)]
    assert len(open_intents(journal.entries(), STEP)) == (0 if result else 1)
    assert host.asked["Enable-VMMigration"] == (2 if result else 1)


def test_what_is_there_right_before_the_act_stands_in_its_intent(journal: Journal) -> None:
    act = replace(Deed(Outcome("done")).act, look=lambda: {"jobs": ["job-1"]})
    carry_out(journal, STEP, act)
    assert journal.entries()[-2].data["before"] == {"was": False, "jobs": ["job-1"]}


def test_when_nobody_can_look_before_the_act_it_is_not_begun(journal: Journal) -> None:
    def look() -> dict[str, object]:
        raise lost()

    deed = Deed(Outcome("done"))
    with pytest.raises(SessionLost):
        carry_out(journal, STEP, replace(deed.act, look=look))
    assert (deed.done, kinds(journal)) == (0, [])


def test_an_outcome_that_stays_unknown_keeps_the_intent_open(journal: Journal) -> None:
    deed = Deed(Outcome("unknown", "the move is still under way"))
    with pytest.raises(OutcomeUnknown, match="still under way"):
        carry_out(journal, STEP, deed.act)
    assert kinds(journal) == ["intent", "note"]
    assert len(open_intents(journal.entries(), STEP)) == 1


def test_a_known_failure_is_told_with_its_cause(journal: Journal) -> None:
    deed = Deed(Outcome("failed", "the machine still runs on the source: 0x8009030E"))
    with pytest.raises(SnlmError, match="0x8009030E"):
        carry_out(journal, STEP, deed.act)
    assert journal.entries()[-1].data["result"] == "failed"


def test_another_step_of_the_same_key_is_another_act(journal: Journal) -> None:
    deed = Deed(Outcome("done"), Outcome("done"))
    carry_out(journal, STEP, deed.act)
    carry_out(journal, "01_enable_live_migration", deed.act)
    assert deed.done == 2
