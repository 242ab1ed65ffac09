"""Logs as they lie on disks: several runs in one, a clock that was set, a run that ended before it was answered."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from snlm_lib.errors import RecordError
from snlm_lib.measure.downtime import DowntimeReport, judge_downtime, judge_machines
from snlm_lib.measure.log_lines import READERS
from snlm_lib.measure.logs import read_any
from snlm_lib.measure.verdict import verdict

LOGS = Path(__file__).parent / "data" / "logs"


class Told(NamedTuple):
    target: str
    probes: int
    lost: int
    lower_s: float
    upper_s: float | None  # None: open
    says: str = ""


FILES = {
    "ping-two-runs.txt": Told("127.0.0.1", 9, 0, 0.0, 0.21),
    "fping-two-runs.txt": Told("127.0.0.1", 6, 0, 0.0, 99.96, "4,986 probes of ICMP were not in the samples"),
    "windows-two-runs.txt": Told("192.0.2.7", 9, 2, 1.0, 9.0, "its runs followed each other at once"),
    "windows-two-runs-stamped.txt": Told("192.0.2.7", 7, 1, 0.0, 300.0, "were not in the samples"),
    "windows-ctrl-break.txt": Told("192.0.2.7", 11, 4, 2.0, 13.0, "4 of 11 probes unanswered"),
    "ping-wraps.txt": Told("192.0.2.7", 13, 0, 0.0, 0.6),
    "ping-clock-back.txt": Told("192.0.2.7", 20, 3, 0.2, 0.8, "clock was set back by 1 h"),
    "windows-clock-back.txt": Told("192.0.2.7", 9, 1, 0.0, 8.0),
    "bsd-ping6.txt": Told("fe80::2", 4, 1, 0.0, 2.01),
    "ping-six.txt": Told("::1", 3, 0, 0.0, 0.21),
    "ping-died.txt": Told("127.0.0.1", 8, 4, 0.41, None, "had not come back when the samples end"),
    "ping-dead.txt": Told("127.0.0.1", 3, 3, 2.0, None, "none of 3 probes was ever answered"),
    "ping-was-stopped.txt": Told("127.0.0.1", 9, 3, 0.0, 3.8, "was away at most 3.8 s"),
}


def judged(name: str) -> DowntimeReport:
    return judge_downtime(read_any(LOGS / name), window=None)


@pytest.mark.parametrize("name", FILES)
def test_what_a_log_bears_is_told_and_no_more(name: str) -> None:
    report, told = judged(name), FILES[name]
    (kind,) = report.kinds
    assert (report.target, kind.probes, kind.lost) == (told.target, told.probes, told.lost)
    assert report.gap_lower_s == pytest.approx(told.lower_s, abs=0.02)
    assert report.gap_upper_s == pytest.approx(told.upper_s, abs=0.05)
    assert told.says in verdict(report).text


def test_every_file_is_told_of() -> None:
    assert {path.name for path in LOGS.iterdir()} == {*FILES, "notes.txt"}


def test_a_text_that_says_seq_is_no_log() -> None:
    with pytest.raises(RecordError, match=r"no line in it is a probe's"):
        read_any(LOGS / "notes.txt")


def lines_of(*text: str) -> list[tuple[int, int, str]]:
    return [(one.run, one.seq, one.status) for one in READERS[1](text).lines]


def reply(number: int, host: str = "192.0.2.7") -> str:
    return f"64 bytes from {host}: icmp_seq={number} ttl=64 time=0.5 ms"


def test_losses_before_the_first_reply_of_a_log_whose_head_was_cut() -> None:
    assert lines_of("no answer yet for icmp_seq=55", reply(56)) == [(0, 55, "lost"), (0, 56, "answered")]


def test_a_run_begins_where_a_number_comes_again_or_counting_does() -> None:
    assert [run for run, _, _ in lines_of(reply(1), reply(2), reply(2), reply(3))] == [0, 0, 1, 1]
    assert [run for run, _, _ in lines_of(reply(20_000), reply(1), reply(2))] == [0, 1, 1]
    assert lines_of(reply(2), f"{reply(2)} (DUP!)")[1] == (0, 2, "duplicate")
    assert lines_of(f"{reply(2)} (DIFFERENT ADDRESS!)") == [(0, 2, "answered")]


def test_many_lost_ones_are_no_reordering() -> None:
    assert [seq for _, seq, _ in lines_of(reply(65_530), reply(40_000))] == [65_530, 105_536]


def test_whom_a_title_named_may_answer_from_another_address() -> None:
    log = READERS[1](("PING 192.0.2.255 (192.0.2.255) 56(84) bytes of data.", reply(1), reply(2)))
    assert {one.target for one in log.lines} == {"192.0.2.255"}


def test_the_last_one_may_still_have_been_on_its_way(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(
        "\n".join(
            [
                "PING vm01 (192.0.2.7) 56(84) bytes of data.",
                *(f"[{1795443000 + number}.5] {reply(number)}" for number in (1, 2, 3)),
                "--- vm01 ping statistics ---",
                "4 packets transmitted, 3 received, 25% packet loss, time 3002ms",
            ]
        ),
        encoding="utf-8",
    )
    assert len(read_any(path)) == 3


def test_of_whom_only_the_statistics_tell_stands_beside_who_answered(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes((LOGS / "ping-wraps.txt").read_bytes() + (LOGS / "ping-dead.txt").read_bytes())
    answered, dead = judge_machines(read_any(path), window=None)
    assert (answered.target, answered.kinds[0].lost) == ("192.0.2.7", 0)
    assert "none of 3 probes was ever answered" in verdict(dead).text


def test_a_log_with_stamps_on_some_lines_only_has_none(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    names = ("windows-two-runs-stamped.txt", "windows-ctrl-break.txt")
    path.write_bytes(b"".join((LOGS / name).read_bytes() for name in names))
    (report,) = judge_machines(read_any(path), window=None)
    assert (report.kinds[0].probes, report.kinds[0].lost) == (18, 5)
    assert "If one probe went each second" in verdict(report).text
