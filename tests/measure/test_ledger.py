"""Every probe's fate is told as soon as it is known; what comes later supersedes or is a duplicate."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from snlm_lib.measure.ledger import PING_COLUMNS, Ledger, PingRow, Probe

UTC_START = datetime(2026, 11, 23, 21, 4, tzinfo=UTC)


def probe(seq: int, *, kind: str = "udp") -> Probe:
    return Probe(seq, "VM01", kind, due_s=seq * 0.1, sent_s=seq * 0.1 + 0.001, sent_utc=UTC_START)


def key(seq: int, kind: str = "udp") -> tuple[str, str, int]:
    return ("VM01", kind, seq)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(timeout_s=1.0, late_s=5.0)


def test_the_row_is_what_the_file_promises(ledger: Ledger) -> None:
    ledger.sent(probe(3))
    assert ledger.answered(key(3), 0.3035)
    expected = ("3", "VM01", "udp", "0.3000", "2026-11-23T21:04:00.000Z", "0.301000", "answered", "2.500", "")
    assert ledger.drain() == [PingRow(*expected)]
    assert PingRow._fields == PING_COLUMNS
    assert ledger.drain() == []


def test_lost_is_told_when_the_time_out_passes_and_a_late_answer_supersedes_it(ledger: Ledger) -> None:
    ledger.sent(probe(0))
    ledger.expire(0.9)
    assert ledger.drain() == []
    ledger.expire(1.1)
    assert [(row.status, row.rtt_ms, row.error) for row in ledger.drain()] == [("lost", "", "no-answer")]
    assert ledger.answered(key(0), 1.5)
    assert [(row.seq, row.status, row.rtt_ms, row.error) for row in ledger.drain()] == [("0", "late", "1499.000", "")]


def test_an_answer_after_the_time_out_that_was_not_told_yet_is_late_in_one_row(ledger: Ledger) -> None:
    ledger.sent(probe(0))
    assert ledger.answered(key(0), 1.5)
    ledger.expire(1.5)
    assert [row.status for row in ledger.drain()] == ["late"]


def test_after_the_late_window_an_answer_is_nobodys(ledger: Ledger) -> None:
    ledger.sent(probe(0))
    ledger.expire(6.1)
    assert [row.status for row in ledger.drain()] == ["lost"]
    assert not ledger.answered(key(0), 6.2)
    assert ledger.drain() == []


def test_a_second_answer_is_a_duplicate_and_another_kinds_answer_is_nobodys(ledger: Ledger) -> None:
    ledger.sent(probe(0))
    assert not ledger.answered(key(0, "tcp"), 0.1)
    assert ledger.answered(key(0), 0.101)
    assert ledger.answered(key(0), 0.201)
    ledger.expire(1.5)
    assert [(row.status, row.rtt_ms) for row in ledger.drain()] == [("answered", "100.000"), ("duplicate", "200.000")]


def test_an_answer_that_waited_for_us_is_no_loss_and_has_no_round_trip(ledger: Ledger) -> None:
    for seq in (0, 1):
        ledger.sent(probe(seq))
    assert ledger.answered(key(0), 5.2, stalled=True)
    ledger.expire(5.2)
    told = [(row.seq, row.status, row.rtt_ms, row.error) for row in ledger.drain()]
    assert told == [("0", "answered", "", "monitor-stalled"), ("1", "lost", "", "no-answer")]
    assert ledger.answered(key(1), 5.9, stalled=True), "lost was told before: then it was late"
    assert [(row.status, row.rtt_ms, row.error) for row in ledger.drain()] == [("late", "", "monitor-stalled")]


def test_a_probe_that_needed_our_hand_while_we_did_not_run_is_as_good_as_not_sent(ledger: Ledger) -> None:
    ledger.sent(probe(0, kind="connect"))
    ledger.withdraw(key(0, "connect"), "monitor-stalled")
    ledger.withdraw(key(1, "connect"), "monitor-stalled")
    assert not ledger.answered(key(0, "connect"), 5.0)
    ledger.expire(9.0)
    assert [(row.status, row.rtt_ms, row.error) for row in ledger.drain()] == [("not_sent", "", "monitor-stalled")]
    assert ledger.under_way == len(ledger) == 0


def test_a_probes_note_stands_in_its_row_whatever_its_fate(ledger: Ledger) -> None:
    ledger.sent(probe(0)._replace(note="address 192.0.2.7"))
    ledger.sent(probe(1)._replace(note="address 192.0.2.7"))
    ledger.answered(key(0), 0.1)
    ledger.expire(1.2)
    assert [row.error for row in ledger.drain()] == ["address 192.0.2.7", "no-answer; address 192.0.2.7"]


def test_what_it_holds_is_bounded_by_time_out_and_late_window(ledger: Ledger) -> None:
    for seq in range(36_000):  # an hour
        ledger.sent(probe(seq))
        if seq % 3:
            ledger.answered(key(seq), seq * 0.1 + 0.002)
        ledger.expire(seq * 0.1)
        ledger.drain()
    assert ledger.under_way <= 10
    assert len(ledger) <= 61


def test_a_tick_not_sent_has_neither_moment_nor_loss(ledger: Ledger) -> None:
    ledger.not_sent(4, 0.4, target="VM01", kind="udp", error="monitor-stalled")
    assert ledger.drain() == [PingRow("4", "VM01", "udp", "0.4000", "", "", "not_sent", "", "monitor-stalled")]
    assert ledger.under_way == 0


def test_at_the_end_only_what_had_its_time_is_lost(ledger: Ledger) -> None:
    ledger.sent(probe(0))
    ledger.sent(probe(8))
    assert ledger.under_way == 2
    assert ledger.finish(1.2) == 1
    assert [(row.seq, row.status) for row in ledger.drain()] == [("0", "lost")]
    assert ledger.under_way == 0


def test_a_broken_connection_loses_at_once(ledger: Ledger) -> None:
    ledger.sent(probe(0, kind="tcp"))
    ledger.lose(key(0, "tcp"), "reset")
    ledger.lose(key(0, "tcp"))
    ledger.expire(1.2)
    assert [(row.status, row.error) for row in ledger.drain()] == [("lost", "reset")]
    assert ledger.under_way == 0
