"""The engine against a real guest that falls silent, is slow, breaks; and against a stall of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.measure.channels import Log
from snlm_lib.measure.ledger import PingRow
from snlm_lib.measure.probes import Engine, ProbeTarget, Timing
from tests.measure.fake_guest import Eventually, FakeGuest

QUICK = Timing(0.02, 0.2, 0.3)
EngineFor = Callable[..., Engine]


def unheard(_line: str) -> None:
    return None


class StallingClock(SystemClock):
    """The system's clock, with hours of our own sleep in between: ``stall_s`` is added at once."""

    def __init__(self) -> None:
        self.stall_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.stall_s


@pytest.fixture
def clock() -> StallingClock:
    return StallingClock()


@pytest.fixture
def engine_for(clock: StallingClock) -> Iterator[EngineFor]:
    made: list[Engine] = []

    def make(guest: FakeGuest, *, timing: Timing = QUICK, tcp: bool = True, log: Log = unheard) -> Engine:
        target = ProbeTarget("VM01", "127.0.0.1", udp_port=guest.udp_port, tcp_port=guest.tcp_port if tcp else None)
        made.append(Engine([target], timing, clock=clock, log=log))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


def run(engine: Engine, seconds: float) -> list[PingRow]:
    rows: list[PingRow] = []
    until_s = engine.elapsed_s() + seconds
    while engine.elapsed_s() < until_s:
        rows += engine.turn(0.05)
    return rows


def finish(engine: Engine) -> list[PingRow]:
    rows: list[PingRow] = []
    engine.stop_sending()
    while not engine.settled():
        rows += engine.turn(0.02)
    last, left = engine.close()
    assert left == 0
    return rows + last


def statuses(rows: list[PingRow], kind: str) -> list[str]:
    newest = {int(row.seq): row.status for row in rows if row.kind == kind}  # a later row supersedes
    return [newest[seq] for seq in sorted(newest)]


def test_every_tick_of_both_kinds_is_answered_and_stands_at_its_place(guest: FakeGuest, engine_for: EngineFor) -> None:
    engine = engine_for(guest, timing=Timing(0.02, 1.0))
    rows = run(engine, 0.6) + finish(engine)
    for kind, offset_s in (("udp", 0.0), ("tcp", 0.01)):
        mine = sorted((row for row in rows if row.kind == kind), key=lambda row: int(row.seq))
        assert [int(row.seq) for row in mine] == list(range(len(mine)))
        assert Counter(row.status for row in mine)["answered"] >= 15
        for row in mine:
            assert float(row.due_s) == pytest.approx(offset_s + int(row.seq) * 0.02, abs=1e-4)
            if row.sent_s:
                assert 0 <= float(row.sent_s) - float(row.due_s) < 0.05
    assert guest.accepted == 1


def test_silence_is_lost_on_both_kinds_and_answers_come_back(guest: FakeGuest, engine_for: EngineFor) -> None:
    engine = engine_for(guest)
    rows = run(engine, 0.2)
    guest.be_silent(0.3)
    rows += run(engine, 0.6) + finish(engine)
    for kind in ("udp", "tcp"):
        seen = statuses(rows, kind)
        assert seen[0] == seen[-1] == "answered"
        assert 10 <= seen.count("lost") <= 17
    assert guest.accepted == 1, "the long connection goes on through silence"


def test_slow_answers_are_late_not_lost(guest: FakeGuest, engine_for: EngineFor) -> None:
    guest.delay_s = 0.25
    engine = engine_for(guest, timing=Timing(0.05, 0.2, 5.0))
    rows = run(engine, 0.6)
    engine.stop_sending()
    rows += run(engine, 0.3)
    assert set(statuses(rows, "udp")) <= {"late", "not_sent"}
    assert [row.error for row in rows if row.status == "lost"].count("no-answer") >= 3, "told at the time-out"
    assert statuses(rows, "udp").count("late") >= 3
    assert all(float(row.rtt_ms) >= 250 for row in rows if row.status == "late" and row.rtt_ms)


def test_a_broken_connection_is_opened_again_and_never_delays_the_datagrams(
    guest: FakeGuest, engine_for: EngineFor, eventually: Eventually
) -> None:
    lines: list[str] = []
    engine = engine_for(guest, log=lines.append)
    rows = run(engine, 0.2)
    guest.refuse_connections()
    guest.break_connections()
    rows += run(engine, 0.3)
    guest.accept_again()
    rows += run(engine, 0.3) + finish(engine)
    assert "lost" not in statuses(rows, "udp")
    seen = statuses(rows, "tcp")
    assert seen[0] == seen[-1] == "answered"
    assert seen.count("lost") >= 8
    assert guest.accepted == 2
    assert lines[0] == lines[-1] == "VM01: TCP connection open"
    assert len(lines) == 3


def test_our_own_stall_is_not_sent_and_never_lost(
    guest: FakeGuest, engine_for: EngineFor, clock: StallingClock
) -> None:
    engine = engine_for(guest, timing=Timing(0.02, 1.0))
    rows = run(engine, 0.1)
    clock.stall_s += 0.5
    rows += run(engine, 0.2) + finish(engine)
    for kind in ("udp", "tcp"):
        counted = Counter(statuses(rows, kind))
        assert 23 <= counted["not_sent"] <= 30
        assert counted["lost"] == 0
    assert all(row.sent_s == row.sent_utc == row.rtt_ms == "" for row in rows if row.status == "not_sent")


def test_answers_waiting_through_a_long_stall_of_ours_are_answered_at_a_moment_nobody_knows(
    guest: FakeGuest, engine_for: EngineFor, clock: StallingClock
) -> None:
    guest.delay_s = 0.05
    lines: list[str] = []
    engine = engine_for(guest, tcp=False, log=lines.append)
    rows = run(engine, 0.02)
    clock.stall_s += 30.0
    clock.sleep(0.15)  # the answers arrive while the engine is stopped
    rows += run(engine, 0.3)
    first = next(row for row in rows if row.seq == "0")
    assert (first.status, first.rtt_ms, first.error) == ("answered", "", "monitor-stalled")
    assert {row.error for row in rows if row.status == "not_sent"} == {"monitor-stalled"}
    assert not {"late", "lost"} & set(statuses(rows, "udp"))
    assert lines[0].startswith("this process did not run for 30.")


def test_a_target_without_any_listener_is_lost_and_the_engine_goes_on(engine_for: EngineFor, guest: FakeGuest) -> None:
    guest.end()
    nobody = ProbeTarget("gone", "127.0.0.1", tcp_port=guest.tcp_port)
    guest.refuse_connections()
    engine = Engine([nobody], Timing(0.02, 0.2, 0.0), clock=SystemClock())
    rows = run(engine, 0.3)
    engine.close()
    assert statuses(rows, "tcp").count("lost") >= 5
    assert set(statuses(rows, "tcp")) <= {"lost", "not_sent"}
    assert nobody.kinds() == ("tcp",)
