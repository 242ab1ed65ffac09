"""pings.csv read back: types, order, torn lines, files that are none."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from snlm_lib.errors import RecordError
from snlm_lib.measure.ledger import ANSWERED, LATE, LOST, NOT_SENT
from snlm_lib.measure.ping_file import PingHeader, TargetFacts
from snlm_lib.measure.pings import Pings, Series, parse_pings, read_pings, series_of

ZERO = datetime(2026, 11, 23, 21, 4, tzinfo=UTC)
COLUMNS_1 = "seq,target,kind,due_s,sent_utc,sent_s,status,rtt_ms\n"
COLUMNS = "seq,target,kind,due_s,sent_utc,sent_s,status,rtt_ms,error\n"
HEADER = PingHeader(
    "OPS",
    "2026-11-23T21:04:00.000Z",
    interval_ms=100,
    timeout_ms=1000,
    targets=(
        TargetFacts("VM01", address="192.0.2.7", kinds=("icmp", "tcp"), exchanges={"tcp": "echo"}),
        TargetFacts("GW", role="control", kinds=("icmp",)),
    ),
    resolution_ms=100,
    clock_offsets_s={"HV01": 0.25, "HV02": None},
)


def row(seq: int, status: str = ANSWERED, rtt: str = "1.000", *, target: str = "VM01", error: str = "") -> str:
    sent = "," if status == NOT_SENT else f"2026-11-23T21:04:{seq / 10:06.3f}Z,{seq / 10 + 0.0001:.6f}"
    return f"{seq},{target},icmp,{seq / 10:.4f},{sent},{status},{rtt},{error}\n"


def file_of(*rows: str, header: PingHeader = HEADER) -> bytes:
    return (header.line() + COLUMNS + "".join(rows)).encode("utf-8")


def parsed(*rows: str, large: int = 1 << 40) -> Pings:
    return parse_pings(file_of(*rows), where="pings.csv", large=large)


def only(pings: Pings) -> Series:
    (series,) = series_of(pings)
    return series


def test_rows_come_typed_and_in_order_whatever_the_order_of_their_fates(data: Path) -> None:
    pings = read_pings(data / "pings-five-lost.csv")
    assert len(pings) == 60, "the torn last line of a killed monitor is no sample"
    assert (pings.schema, pings.header.vantage) == ("snlm.pings/1", "")
    assert pings.header.interval_ms == pytest.approx(100)
    udp, _ = series_of(pings)
    assert udp.seq.tolist() == list(range(30))
    lost = int(np.flatnonzero(udp.lost)[0])
    assert np.isnan(udp.rtt_ms[lost])
    assert udp.wall.utc(udp.at_s[lost]) == datetime(2026, 11, 23, 21, 4, 1, tzinfo=UTC)
    assert udp.at_s[udp.not_sent].tolist() == [2.5]


def test_a_series_knows_its_zero_and_when_answers_came(data: Path) -> None:
    udp, tcp = series_of(read_pings(data / "pings-five-lost.csv"))
    assert (udp.kind, tcp.kind) == ("udp", "tcp"), "in the order in which figures are told"
    assert udp.wall.zero_utc == ZERO
    assert udp.wall.utc(1.25) == ZERO + timedelta(seconds=1.25)
    assert udp.wall.seconds(ZERO + timedelta(seconds=1.25)) == pytest.approx(1.25)
    assert udp.received_s[20] == pytest.approx(3.1)
    assert udp.answered[20]
    assert udp.at_s[25] == 2.5
    assert not udp.answered[25]


def test_the_header_says_who_probed_whom_and_controls_come_last() -> None:
    pings = parsed(row(0, target="GW"), row(0), row(0, target="stranger"))
    assert (pings.schema, pings.header) == ("snlm.pings/2", HEADER)
    assert [one.name for one in series_of(pings)] == ["VM01", "stranger", "GW"]
    machine, _, control = series_of(pings)
    assert (machine.target.exchanges, control.target.role, machine.vantage) == ({"tcp": "echo"}, "control", "OPS")


@pytest.mark.parametrize("large", [0, 1 << 40], ids=["pandas", "by hand"])
def test_both_readers_read_alike(large: int) -> None:
    odd = '7,"Bücher, alt",icmp,0.7,nonsense,x,answered,1.0,\n'
    torn = "8,VM01,icmp,0.8000,2026-11-23T21:04:00.8"
    rows = [row(0), row(1, LOST, "", error="no-answer"), row(2, NOT_SENT, ""), odd, f"{torn}\n", row(9), torn]
    pings = parsed(*rows, large=large)
    assert pings.seq.tolist() == [0, 1, 2, 7, 9], "a row cut short is none, wherever it stands"
    assert pings.target.texts() == ["VM01", "VM01", "VM01", "Bücher, alt", "VM01"]
    assert pings.status.texts() == [ANSWERED, LOST, NOT_SENT, ANSWERED, ANSWERED]
    assert pings.error.texts() == ["", "no-answer", "", "", ""]
    assert np.isnan(pings.sent_s).tolist() == np.isnan(pings.utc_s).tolist() == [False, False, True, True, False]
    assert pings.rtt_ms[[0, 3, 4]].tolist() == [1.0, 1.0, 1.0]
    assert pings.utc_s[0] == ZERO.timestamp()


def test_a_later_row_of_a_probe_supersedes_and_a_second_answer_is_no_probe() -> None:
    series = only(parsed(row(0), row(1, LOST, ""), row(2), row(1, LATE, "1200.000"), row(2, "duplicate", "3.000")))
    assert series.seq.tolist() == [0, 1, 2]
    assert series.status.texts() == [ANSWERED, LATE, ANSWERED]
    assert series.rtt_ms.tolist() == [1.0, 1200.0, 1.0]
    assert series.duplicates_s.tolist() == [pytest.approx(0.2001)]


def test_an_answer_while_the_monitor_stood_still_has_no_moment() -> None:
    series = only(parsed(row(0), row(1, rtt="", error="monitor-stalled; address 192.0.2.7"), row(2)))
    assert series.stalled.tolist() == [False, True, False]
    assert series.answered.tolist() == [True, True, True]
    assert np.isnan(series.received_s[1])


def test_the_last_moment_a_probe_left() -> None:
    assert parsed(row(0), row(30), row(31, NOT_SENT, "")).last_sent_utc == ZERO + timedelta(seconds=3)
    assert parsed(row(0, NOT_SENT, "")).last_sent_utc is None


def test_only_columns_are_no_sample_and_no_error() -> None:
    assert list(series_of(parse_pings(COLUMNS_1.encode(), where="x"), parsed())) == []


def test_nothing_ever_sent_has_no_zero() -> None:
    series = only(parsed(row(0, NOT_SENT, "")))
    assert series.wall.zero_utc is None
    assert series.wall.utc(1.0) is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no samples"),
        (b"", "no whole line in it"),
        (b"a,b\n1,2\n", "not a pings.csv: its columns are a,b"),
        (b"# snlm.pings/3 {}\n", "known version: it begins with '# snlm.pings/3"),
        (b"# snlm.pings/2 {\n", "its first line is damaged"),
        (f"{HEADER.line()}{COLUMNS_1}".encode(), "its columns"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "pings.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecordError, match=says) as raised:
        read_pings(path)
    assert str(path) in str(raised.value)


def test_saved_again_by_a_spreadsheet_it_is_still_read() -> None:
    data = b"\xef\xbb\xbf" + file_of(row(0), row(1)).replace(b"\n", b"\r\n")
    assert only(parse_pings(data, where="x")).seq.tolist() == [0, 1]


EDITED = {
    "an open quote": '5,"VM01,icmp,0.5000,2026-11-23T21:04:00.5Z,0.5,answered,1.0,\n',
    "NUL bytes": "\0" * 100 + "\n",
    "a note of somebody": "# looked at by jm\n<<<<<<< HEAD\n",
    "a number out of all reason": "1e17,VM01,icmp,0.5,,0.5,answered,1.0,\n1e300,VM01,icmp,0.5,,0.5,answered,1.0,\n",
    "a negative number": "-7,VM01,icmp,0.5,,0.5,answered,1.0,\n",
    "a time that never was": "5,VM01,icmp,0.5,,-1e9,lost,,\n5,VM01,icmp,inf,,0.5,lost,,\n",
    "a tick at another time": "5,VM01,icmp,3.5,,3.5,lost,,\n",
    "a tick sent at another time": "5,VM01,icmp,0.5,,29400000,lost,,\n",
    "an answer before its question": "5,VM01,icmp,0.5,,0.5,answered,-100000,\n",
    "another word": "5,VM01,icmp,0.5,,0.5,verloren,,\n",
    "the same first line again": f"{HEADER.line()}{COLUMNS}",
}


@pytest.mark.parametrize("large", [0, 1 << 40], ids=["pandas", "by hand"])
@pytest.mark.parametrize("name", EDITED)
def test_what_can_be_no_row_hides_none_that_is_one(name: str, large: int) -> None:
    rows = [row(0), row(1), row(2, LOST, ""), row(3), row(4)]
    whole = parsed(*rows, large=large)
    pings = parsed(*rows[:3], EDITED[name], *rows[3:], large=large)
    assert (pings.seq.tolist(), pings.status.texts()) == (whole.seq.tolist(), whole.status.texts())


def test_samples_of_two_monitors_in_one_file_are_not_mixed() -> None:
    other = file_of(row(0), header=replace(HEADER, vantage="ELSEWHERE"))
    with pytest.raises(RecordError, match="samples of another monitor begin in line 5"):
        parse_pings(file_of(row(0), row(1)) + other, where="pings.csv")


@pytest.mark.parametrize(
    "damage",
    [
        {"interval_ms": True},
        {"interval_ms": 1e300},
        {"started_utc": "yesterday"},
        {"started_monotonic_s": "x"},
        {"late_window_s": -5},
        {"clock_offsets_s": {"HV01": "x"}},
        {"targets": [{"name": "VM01", "kinds": [], "exchanges": ["echo"]}]},
        {"targets": [{"name": 7, "kinds": []}]},
        {"targets": None},
    ],
)
def test_a_damaged_first_line_is_named_and_the_rows_can_be_read_without_it(damage: dict[str, object]) -> None:
    whole = file_of(row(0), row(1, LOST, ""), row(2))
    first, rest = whole.split(b"\n", 1)
    odd = json.loads(first.removeprefix(b"# snlm.pings/2 ")) | damage
    with pytest.raises(RecordError, match="its first line is damaged"):
        parse_pings(f"# snlm.pings/2 {json.dumps(odd)}\n".encode() + rest, where="pings.csv")
    bare = parse_pings(rest, where="pings.csv")
    assert bare.status.texts() == [ANSWERED, LOST, ANSWERED]
    assert bare.header.interval_ms == pytest.approx(100)
