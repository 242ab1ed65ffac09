"""The second vantage in the steps: said in time, never in the way, and told beside our own."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from snlm_lib.errors import RemoteError
from snlm_lib.guests import GuestTarget
from snlm_lib.measure.downtime import judge_downtime
from snlm_lib.measure.ping_file import AT_SENT, BETWEEN
from snlm_lib.measure.pings import read_pings
from snlm_lib.remote.clixml import PsObject
from snlm_lib.step import Step, begin
from snlm_lib.steps import vantage, verify
from snlm_lib.steps.stream import Seen
from tests.measure.patterns import ZERO
from tests.steps.test_stream import ANSWER, DENIED, Host, rows_of, until

GUEST = GuestTarget(address="127.0.0.1", udp_port=7, ips=["10.20.0.51"])
AROUND = (ZERO + timedelta(seconds=5), ZERO + timedelta(seconds=20))


@dataclass
class FakeConnection:
    """Sessions of which only the vantage is asked."""

    vantage: Host
    closed: list[bool] = field(default_factory=list)

    def close(self) -> None:
        self.closed.append(True)


def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen_from: str | None) -> Step:
    hosts = {name: {"address": "127.0.0.1", "port": port} for port, name in enumerate(("HV01", "HV02", "DC01"), 1)}
    lab = {"hosts": hosts, "directory": "DC01", "user": "CORP\\operator", "secret": "env:LAB", "vantage": seen_from}
    told = {**lab, "guests": {"VM01": GUEST.model_dump(exclude_unset=True)}, "truth_dir": str(tmp_path)}
    (tmp_path / "lab.json").write_text(json.dumps(told), encoding="utf-8")
    monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("SNLM_LAB", str(tmp_path / "lab.json"))
    monkeypatch.setenv("SNLM_RECORD", "")
    return begin("06_verify_migration")


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Step:
    return begun(tmp_path, monkeypatch, "DC01")


def connected(step: Step, answer: PsObject | RemoteError = ANSWER) -> FakeConnection:
    connection = FakeConnection(Host(lambda _: answer))
    step._connection = connection  # type: ignore[assignment]  # a fake with behaviour
    return connection


def samples(step: Step) -> Path:
    return step.record.samples / "pings-DC01.csv"


@pytest.mark.parametrize(
    ("target", "address"),
    [
        (GUEST, "10.20.0.51"),
        (GuestTarget(address="vm01.corp.example", icmp=True, ips=["10.20.0.51"]), "vm01.corp.example"),
        (GuestTarget(address="::1", icmp=True, ips=["fd00::51", "10.20.0.51"]), "fd00::51"),
        (GuestTarget(address="localhost", icmp=True), None),
        (None, None),
    ],
)
def test_a_loopback_means_nothing_to_another_computer(target: GuestTarget | None, address: str | None) -> None:
    assert vantage.seen_of("VM01", target) == (Seen("VM01", address) if address else None)


def test_where_none_is_named_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = begun(tmp_path, monkeypatch, None)
    connection = connected(step)
    vantage.look(step, "VM01", GUEST)
    vantage.watch(step, Seen("VM01", "10.20.0.51"), {})
    vantage.go_on(step)
    vantage.end(step)
    vantage.seen(step, AROUND)
    assert (step.alongside, step.highlights, connection.vantage.texts, connection.vantage.opened) == ([], [], [], 0)


def test_04_says_whether_it_sees_the_machine(step: Step) -> None:
    connected(step)
    vantage.look(step, "VM01", GUEST)
    vantage.look(step, "VM01", GuestTarget(address="localhost", icmp=True))
    connected(step, DENIED)
    vantage.look(step, "VM01", GUEST)
    sees, nowhere, denied = step.highlights
    assert sees.startswith("DC01 pings VM01 too")
    assert nowhere == "VM01 has no address that DC01 could ping: list it under 'ips'."
    assert "Its endpoint must allow Get-CimInstance of Win32_PingStatus" in denied


def test_it_runs_beside_the_step_and_ends_with_it(step: Step) -> None:
    connection = connected(step)
    vantage.watch(step, Seen("VM01", "10.20.0.51"), {"HV01": 0.1})
    vantage.watch(step, Seen("VM01", "10.20.0.51"), {"HV01": 0.1})  # a cell that is run again
    until(lambda: len(rows_of(samples(step))) >= 2)
    assert len(step.alongside) == 1
    step.close()
    assert (step.alongside, connection.closed) == ([], [True])
    before = samples(step).read_bytes()
    assert connection.vantage.texts[0].startswith(
        "Get-CimInstance -ClassName 'Win32_PingStatus' -Filter 'Address=''10.2"
    )
    assert samples(step).read_bytes() == before


def test_06_goes_on_with_what_05_began_and_begins_nothing(step: Step) -> None:
    connected(step)
    vantage.go_on(step)
    assert step.alongside == []
    vantage.watch(step, Seen("VM01", "10.20.0.51"), {})
    until(lambda: len(rows_of(samples(step))) >= 1)
    vantage.end(step)
    begun_with = len(rows_of(samples(step)))
    vantage.go_on(step)
    until(lambda: len(rows_of(samples(step))) > begun_with)
    vantage.end(step)
    assert step.highlights == []
    samples(step).write_text("nothing of ours\n", encoding="utf-8")
    vantage.go_on(step)
    assert step.highlights[0].startswith("The second look from DC01 does not go on: ")


def test_what_it_could_not_do_is_said_in_the_step(step: Step) -> None:
    connected(step, DENIED)
    vantage.watch(step, Seen("VM01", "10.20.0.51"), {})
    until(lambda: bool(step.alongside[0].trouble))
    vantage.end(step)
    assert step.highlights == [
        "DC01 does not ping for us, so there is no second look from there: The term 'Get-CimInstance' is not"
        " recognized. Its endpoint must allow Get-CimInstance of Win32_PingStatus, see snlm_lib/jea."
    ]


def written(step: Step, name: str, *, every: int, lost: range, moments: str) -> None:
    """30 s of one kind, a probe every ``every`` tenths of a second, those in ``lost`` (tenths) unanswered."""
    header = {"vantage": name, "started_utc": "2026-11-23T21:04:00.000Z", "started_monotonic_s": 7.0}
    target = {"name": "VM01", "role": "machine", "address": "", "kinds": ["icmp"], "exchanges": {}}
    facts = {"interval_ms": every * 100, "resolution_ms": every * 100, "timeout_ms": 1000, "targets": [target]}
    lines = [f"# snlm.pings/2 {json.dumps({**header, **facts, 'moments': moments})}"]
    lines.append("seq,target,kind,due_s,sent_utc,sent_s,status,rtt_ms,error")
    for tenth in range(0, 300, every):
        fate = "lost,,no-answer" if tenth in lost else "answered,1.000,"
        moment = f"{tenth / 10:06.3f}"
        lines.append(f"{tenth // every},VM01,icmp,{tenth / 10},2026-11-23T21:04:{moment}Z,{tenth / 10},{fate}")
    path = step.record.samples / ("pings.csv" if name == "OPS" else f"pings-{name}.csv")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_06_tells_each_place_and_what_follows(step: Step) -> None:
    written(step, "OPS", every=1, lost=range(100, 130), moments=AT_SENT)
    written(step, "DC01", every=5, lost=range(0), moments=BETWEEN)
    vantage.seen(step, AROUND)
    ours, theirs = step.tables["seen from"]
    assert (ours["seen from"], ours["longest gap, s"], ours["what it saw"]) == ("OPS", 3.0, "unanswered")
    assert (theirs["every, ms"], theirs["lost"], theirs["what it saw"]) == (500, 0, "answered meanwhile")
    assert step.figures == {"vantages": 2, "machine_most_s": 0.5}
    assert "the way from OPS had its part; VM01 itself was away 0.50 s at most" in step.highlights[0]


def test_an_earlier_run_of_our_own_monitor_is_no_other_place(step: Step) -> None:
    written(step, "OPS", every=1, lost=range(100, 130), moments=AT_SENT)
    shutil.copy(step.record.samples / "pings.csv", step.record.samples / "pings-1.csv")
    vantage.seen(step, AROUND)
    assert (step.highlights, step.tables) == ([], {})
    written(step, "DC01", every=5, lost=range(0), moments=BETWEEN)
    vantage.seen(step, AROUND)
    assert [row["seen from"] for row in step.tables["seen from"]] == ["OPS", "DC01"]


def test_06_has_it_among_its_figures(step: Step) -> None:
    written(step, "OPS", every=1, lost=range(100, 112), moments=AT_SENT)
    written(step, "DC01", every=5, lost=range(100, 111), moments=BETWEEN)
    report = judge_downtime(read_pings(step.record.samples / "pings.csv"), window=AROUND)
    verify.tell_away(step, verify.Away(report, None, *AROUND))
    assert [row["what it saw"] for row in step.tables["seen from"]] == ["unanswered"] * 2
    assert step.highlights[0].startswith("Seen from OPS 1.20 s (1.10 to 1.30), from DC01 1.50 s (1.00 to 2.00). Nobody")
    assert step.highlights[-1].startswith("VM01 was away 1.")  # the last one becomes the step's reason


def test_a_place_that_was_never_answered_or_cannot_be_read_is_a_sentence(step: Step) -> None:
    written(step, "OPS", every=1, lost=range(100, 130), moments=AT_SENT)
    written(step, "DC01", every=5, lost=range(300), moments=BETWEEN)
    vantage.seen(step, AROUND)
    shutil.copy(step.record.journal_path, samples(step))
    vantage.seen(step, AROUND)
    assert step.highlights[0] == "No other place was answered by the machine at all."
    assert step.highlights[1].startswith("What another place saw cannot be read: ")
    assert step.tables == {}
