"""The sentence for the manager, and what it says when the data cannot bear it."""

from __future__ import annotations

import pytest

from snlm_lib.measure.downtime import DowntimeReport, HostBlackout, judge_downtime
from snlm_lib.measure.verdict import Verdict, say_length, verdict
from tests.measure.patterns import at, pings_of

GAP = "A" * 10 + "x" * 6 + "A" * 10


def report_of(
    icmp: str,
    *,
    tcp: str | None = None,
    connect: str | None = None,
    control: str | None = None,
    paused_s: float | None = 0.6,
    window: tuple[float, float] | None = (0.5, 2.0),
) -> DowntimeReport:
    given = {("VM01", "icmp"): icmp, ("VM01", "connect"): connect, ("VM01", "tcp"): tcp, ("control", "icmp"): control}
    pings = pings_of({key: pattern for key, pattern in given.items() if pattern is not None})
    span = window and (at(window[0]), at(window[1]))
    return judge_downtime(pings, window=span, blackout=HostBlackout(paused_s, 20415))


def told(icmp: str, **given: object) -> Verdict:
    return verdict(report_of(icmp, **given))  # type: ignore[arg-type]


def test_the_sentence_that_is_quoted() -> None:
    found = told(GAP, tcp="A" * 26)
    assert found.sentence == (
        "VM01 was away 0.60 s ± 0.10 s (by ICMP every 100 ms); the host paused it 0.6 s (event 20415);"
        " 6 of 32 probes unanswered; the open TCP session survived."
    )
    assert found.supported


def test_a_session_that_broke_is_told_with_the_word() -> None:
    assert "the open TCP session broke (reset)" in told(GAP, tcp="A" * 10 + "xxrr" + "A" * 12).sentence


def test_late_answers_are_no_lost_probes() -> None:
    found = told("A" * 10 + "HHHHHHHH" + "A" * 20, paused_s=None, window=None)
    assert found.sentence.startswith(
        "No ICMP probe to VM01 was lost; answers came up to 0.8 s late between 21:04:01.0 and"
    )
    assert found.supported


@pytest.mark.parametrize(
    ("icmp", "given", "says"),
    [
        ("x" * 10, {}, "Nothing can be said of VM01: none of 10 probes was ever answered."),
        ("-" * 10, {}, "Nothing can be said of VM01: no probe could be sent."),
        ("A" * 10 + "x" * 9, {"window": None}, "at least 0.8 s and how long cannot be told: it had not come back"),
        ("x" * 9 + "A" * 9, {"window": None}, "cannot be told: it was away already when the samples begin"),
        (GAP, {"window": (-3.0, 2.0)}, "The monitor started 3.0 s late"),
        (GAP, {"window": (0.5, 9.0)}, "The monitor ended 6.5 s early"),
        (GAP, {"paused_s": 0.9}, "seems away 0.60 s ± 0.10 s, not to be quoted"),
    ],
)
def test_what_the_data_cannot_support_is_said_instead(icmp: str, given: dict[str, object], says: str) -> None:
    found = told(icmp, **given)
    assert says in found.text
    assert not found.supported


@pytest.mark.parametrize(
    ("icmp", "given", "says"),
    [
        (GAP, {"window": (1.4, 2.0)}, "s before the move: it cannot be the move's alone"),
        ("A" * 26, {"paused_s": 0.02}, "too far apart to see a pause as short as the host's"),
        (GAP, {"paused_s": 0.02}, "Probes 0.1 s apart are too coarse for a pause of 0.02 s."),
        ("AxA" + GAP[3:], {}, "1 more probe was lost outside the gap"),
        (GAP, {"control": GAP}, "the prober or the path is at fault"),
        (GAP, {"control": GAP}, "The control target lost 6 probes."),
        ("A" * 10 + "x--x--x" + "A" * 10, {}, "4 probes of ICMP were not sent"),
    ],
)
def test_doubts_stand_beside_the_sentence(icmp: str, given: dict[str, object], says: str) -> None:
    assert says in " ".join(told(icmp, **given).doubts)


def test_a_kind_that_never_answered_is_told_and_is_not_plain_green() -> None:
    found = told("A" * 30, connect="x" * 30, paused_s=None, window=None)
    assert found.sentence == (
        "No ICMP probe to VM01 was lost: away less than 0.10 s (by ICMP every 100 ms);"
        " 0 of 30 probes unanswered; TCP connect was never answered (30 of 30)."
    )
    assert (found.supported, found.whole) == (True, False)
    some = told("A" * 30, connect="A" * 10 + "xxx" + "A" * 17, paused_s=None, window=None)
    assert "by TCP connect 3 of 30 probes unanswered" in some.sentence
    assert not some.whole
    assert told(GAP, connect=GAP).whole


def test_an_absence_that_the_control_shared_is_not_stated_as_a_fact() -> None:
    found = told(GAP, control=GAP)
    assert found.sentence.startswith("VM01 seemed away 0.60 s ± 0.10 s, and the control with it: not to be quoted (")
    assert not found.supported
    assert "seemed away at least" in told("A" * 10 + "x" * 9, control="A" * 10 + "x" * 9, window=None).sentence


def test_a_bound_that_begins_at_nothing_has_a_most_and_no_middle() -> None:
    assert "VM01 was away at most 0.20 s (" in told("A" * 10 + "x" + "A" * 10, paused_s=None, window=None).sentence


def test_a_new_connection_alone_proves_little_only_where_no_byte_came_back() -> None:
    assert not any("dead" in doubt for doubt in told(GAP, connect=GAP).doubts), "an exchange that is not known"


def test_nothing_recorded_says_so() -> None:
    assert verdict(judge_downtime(pings_of({}), window=None)).sentence == "Nothing can be said: no probe was recorded."


@pytest.mark.parametrize(
    ("length_s", "wrong_s", "said"),
    [
        (0.934, 0.1, "0.93 s ± 0.11 s"),
        (0.5034, 0.0101, "0.503 s ± 0.011 s"),
        (12.0, 1.0, "12.0 s ± 1.0 s"),
        (70.0, 12.3, "70 s ± 13 s"),
        (0.5, None, "0.500 s"),
        (6.0, 6.0, "at most 12 s"),
    ],
)
def test_digits_are_as_many_as_the_bounds_bear(length_s: float, wrong_s: float | None, said: str) -> None:
    assert say_length(length_s, wrong_s) == said
