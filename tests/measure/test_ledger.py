"""Every probe gets exactly one fate, in one row."""

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
    expected = ("3", "VM01", "udp", "0.3000", "2026-11-23T21:04:00.000Z", "0.301000", "answered", "2.500")
    assert ledger.drain() == [PingRow(*expected)]
    assert PingRow._fields == PING_COLUMNS
    assert ledger.drain() == []


def test_an_answer_after_the_time_out_is_late_not_lost(ledger: Ledger) -> None:
    ledger.sent(probe(0))
    ledger.expire(1.5)
    assert ledger.answered(key(0), 1.5)
    assert [row.status for row in ledger.drain()] == ["late"]


def test_lost_is_what_stayed_unanswered_through_the_late_window(ledger: Ledger) -> None:
    ledger.sent(probe(0))
    ledger.expire(5.9)
    assert ledger.drain() == []
    ledger.expire(6.1)
    assert [(row.status, row.rtt_ms) for row in ledger.drain()] == [("lost", "")]
    assert not ledger.answered(key(0), 6.2)
    assert ledger.drain() == []


def test_a_duplicate_answer_and_another_kinds_answer_change_nothing(ledger: Ledger) -> None:
    ledger.sent(probe(0))
    assert not ledger.answered(key(0, "tcp"), 0.1)
    assert ledger.answered(key(0), 0.1)
    assert not ledger.answered(key(0), 0.2)
    assert len(ledger.drain()) == 1


def test_a_tick_not_sent_has_neither_moment_nor_loss(ledger: Ledger) -> None:
    ledger.not_sent(4, 0.4, target="VM01", kind="udp")
    assert ledger.drain() == [PingRow("4", "VM01", "udp", "0.4000", "", "", "not_sent", "")]
    assert ledger.under_way == 0


def test_at_the_end_only_what_had_its_time_is_lost(ledger: Ledger) -> None:
    ledger.sent(probe(0))
    ledger.sent(probe(8))
    assert not ledger.timed_out(1.2)
    assert ledger.finish(1.2) == 1
    assert [(row.seq, row.status) for row in ledger.drain()] == [("0", "lost")]
    assert ledger.under_way == 0


def test_a_broken_connection_loses_at_once(ledger: Ledger) -> None:
    ledger.sent(probe(0, kind="tcp"))
    ledger.lose(key(0, "tcp"))
    ledger.lose(key(0, "tcp"))
    assert [row.status for row in ledger.drain()] == ["lost"]
    assert ledger.timed_out(0.2)
