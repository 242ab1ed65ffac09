"""Samples counted while they grow: each row once, half a row not yet, and late taken off lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from snlm_lib.measure.ledger import PING_COLUMNS
from snlm_lib.measure.tally import Tally

HEAD = f"# snlm.pings/2 {{}}\n{','.join(PING_COLUMNS)}\n"


def row(seq: int, status: str, *, target: str = "VM01", kind: str = "icmp") -> str:
    return f"{seq},{target},{kind},{seq / 10},2026-11-23T21:04:{seq:02d}.000Z,{seq / 10},{status},,\n"


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    return tmp_path / "pings.csv"


def grown(samples: Path, text: str) -> None:
    with samples.open("a", encoding="utf-8", newline="") as file:
        file.write(text)


def test_a_file_that_is_not_there_yet_is_empty(samples: Path) -> None:
    tally = Tally(samples)
    tally.read()
    assert (tally.probes, tally.lost, tally.last_lost_utc) == (0, 0, None)


def test_what_was_counted_is_not_counted_again_and_half_a_row_not_yet(samples: Path) -> None:
    tally = Tally(samples)
    whole, half = row(1, "answered"), row(2, "lost")
    grown(samples, HEAD + whole + half[:20])
    tally.read()
    assert (tally.probes, tally.lost) == (1, 0)
    grown(samples, half[20:])
    tally.read()
    tally.read()
    assert (tally.probes, tally.lost, tally.last_lost_utc) == (2, 1, "2026-11-23T21:04:02.000Z")


def test_lost_that_is_answered_late_after_all_is_late_and_twice_is_once(samples: Path) -> None:
    tally = Tally(samples)
    grown(samples, HEAD + row(1, "lost") + row(2, "lost") + row(1, "late") + row(3, "late") + row(3, "duplicate"))
    tally.read()
    assert (tally.probes, tally.lost) == (3, 1)
    assert tally.counts["VM01", "icmp"]["late"] == 2


def test_targets_and_kinds_are_told_apart(samples: Path) -> None:
    tally = Tally(samples)
    grown(samples, HEAD + row(1, "answered") + row(1, "lost", kind="udp") + row(1, "lost", target="GW"))
    grown(samples, row(2, "late", target="GW") + row(2, "not_sent", kind="udp"))
    tally.read()
    assert [tally.answered("VM01", "icmp"), tally.answered("VM01", "udp"), tally.answered("GW", "icmp")] == [
        True,
        False,
        True,
    ]
    assert tally.probes == 4  # what was not sent is no probe


def test_it_is_settled_when_no_probe_before_the_newest_is_under_way(samples: Path) -> None:
    tally = Tally(samples)
    steps = [(row(0, "answered"), True), (row(2, "answered"), False), (row(1, "lost"), True), (row(1, "late"), True)]
    for text, settled in [*steps, (row(4, "answered"), False), (row(3, "not_sent"), True)]:
        grown(samples, text)
        tally.read()
        assert tally.settled is settled


def test_who_was_never_answered_is_silent(samples: Path) -> None:
    grown(samples, row(0, "lost", target="GW") + row(0, "lost") + row(0, "late") + row(0, "lost", kind="udp"))
    tally = Tally(samples)
    tally.read()
    assert tally.silent() == [("GW", "icmp"), ("VM01", "udp")]


def test_samples_of_the_first_version_are_counted_alike(samples: Path) -> None:
    grown(samples, "seq,target,kind,due_s,sent_utc,sent_s,status,rtt_ms\n1,VM01,udp,0.1,x,0.1,answered,0.2\n")
    tally = Tally(samples)
    tally.read()
    assert tally.answered("VM01", "udp")
