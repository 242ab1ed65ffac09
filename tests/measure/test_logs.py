# ruff: noqa: RUF001
"""Logs people already have: read by their numbers in any language, each with what it can honestly tell."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from snlm_lib.errors import RecordError
from snlm_lib.measure.downtime import DowntimeReport, Gap, judge_downtime
from snlm_lib.measure.logs import parse_log, read_any
from snlm_lib.measure.pings import Pings, Series, series_of
from snlm_lib.measure.verdict import verdict
from tests.measure.patterns import pings_of

START = 1795426963.94


def parsed(lines: Iterable[str] | bytes, timeout_s: float = 4.0) -> Pings:
    data = lines if isinstance(lines, bytes) else "\n".join(lines).encode("utf-8")
    return parse_log(data, where="a.log", timeout_s=timeout_s)


def only(pings: Pings) -> Series:
    (series,) = series_of(pings)
    return series


def judged(pings: Pings) -> DowntimeReport:
    return judge_downtime(pings, window=None)


def gap_of(pings: Pings) -> Gap:
    gap = judged(pings).gap
    assert gap is not None
    return gap


def fping(seq: int, rtt: str | None = "0.31", *, host: str = "192.0.2.7", interval: float = 0.02) -> str:
    if rtt is None:
        return f"[{START + seq * interval + 0.5:.5f}] {host} : [{seq}], timed out (0.31 avg, 25% loss)"
    return f"[{START + seq * interval + float(rtt) / 1000:.5f}] {host} : [{seq}], 64 bytes, {rtt} ms (0.3 avg, 0% loss)"


def test_fping_tells_every_probe_and_its_moment() -> None:
    lines = [fping(seq, None if 10 <= seq < 35 else "0.31") for seq in range(60)]
    pings = parsed([*lines[:10], *lines[35:], *lines[10:35], "", "192.0.2.7 : xmt/rcv/%loss = 60/35/41%"])
    assert (pings.schema, len(pings)) == ("fping", 60)
    assert pings.header.interval_ms == pytest.approx(20, abs=0.1)
    gap = gap_of(pings)
    assert [gap.lost, gap.length_s] == pytest.approx([25, 0.5], abs=0.001)
    assert gap.upper_s == pytest.approx(0.52, abs=0.001)
    assert gap.lower_s == pytest.approx(0.46, abs=0.001), "a lost one left half an interval about where it was due"
    assert gap.started_utc == datetime.fromtimestamp(START + 0.19, UTC)


def test_fping_with_several_hosts_and_a_second_answer() -> None:
    hosts = ("192.0.2.7", "gw.example")
    lines = [fping(seq, host=f"{host:<10}") for seq in range(5) for host in hosts]
    lines.insert(4, f"[{START:.5f}] 192.0.2.7  : duplicate for [0], 64 bytes, 0.4 ms")
    assert [(one.name, len(one)) for one in series_of(parsed(lines))] == [("192.0.2.7", 5), ("gw.example", 5)]


UNIX = {
    "English": "64 bytes from 192.0.2.7: icmp_seq={seq} ttl=64 time={ms} ms",
    "German": "64 Bytes von 192.0.2.7: icmp_seq={seq} ttl=64 Zeit={ms} ms",
    "French": "64 octets de 192.0.2.7 : icmp_seq={seq} ttl=64 temps={ms} ms",
    "a name": "64 bytes from vm01.example (192.0.2.7): icmp_seq={seq} ttl=64 time={ms} ms",
    "BusyBox": "64 bytes from 192.0.2.7: seq={seq} ttl=64 time={ms} ms",
}


def ping(seq: int, form: str = UNIX["English"], *, interval: float = 0.2, ms: str = "0.50") -> str:
    return f"[{START + seq * interval + float(ms) / 1000:.6f}] {form.format(seq=seq, ms=ms)}"


@pytest.mark.parametrize("language", UNIX)
def test_ping_with_time_stamps_in_any_language(language: str) -> None:
    lines = [ping(seq, UNIX[language]) for seq in range(1, 31) if not 11 <= seq <= 15]
    pings = parsed(
        ["PING 192.0.2.7 (192.0.2.7) 56(84) bytes of data.", *lines, "", "--- 192.0.2.7 ping statistics ---"]
    )
    gap = gap_of(pings)
    assert (pings.schema, gap.target, gap.lost) == ("ping", "192.0.2.7", 5)
    assert gap.length_s == pytest.approx(1.0, abs=0.01)
    assert gap.lower_s <= 0.8 <= 1.2 <= (gap.upper_s or 0) + 1e-6


def test_what_ping_says_of_probes_without_an_answer() -> None:
    lines = [
        ping(1),
        f"[{START + 0.6:.6f}] no answer yet for icmp_seq=2",
        f"[{START + 0.8:.6f}] From 192.0.2.1 icmp_seq=3 Destination Host Unreachable",
        f"[{START + 0.9:.6f}] no answer yet for icmp_seq=4",
        ping(4, ms="310.0"),
        ping(5),
        ping(5) + " (DUP!)",
    ]
    series = only(parsed(lines))
    assert series.status.texts() == ["answered", "lost", "lost", "late", "answered"]
    assert len(series.duplicates_s) == 1


def test_ping_counts_to_65535_and_begins_anew() -> None:
    series = only(parsed([ping(seq % 65536, interval=0.0) for seq in range(65530, 65545)]))
    assert series.seq.tolist() == list(range(65530, 65545))
    assert not series.lost.any()


def test_without_time_stamps_the_pace_is_taken_for_granted_and_that_is_said() -> None:
    lines = [UNIX["English"].format(seq=seq, ms="0.5") for seq in range(1, 21) if seq not in (5, 6, 7)]
    pings = parsed(lines)
    assert (pings.schema, only(pings).wall.zero_utc) == ("ping without time stamps", None)
    assert gap_of(pings).length_s == pytest.approx(3.0)


WINDOWS = {
    "English": ("Pinging 192.0.2.7 with 32 bytes of data:", "Reply from 192.0.2.7: bytes=32 time=1ms TTL=128"),
    "German": (
        "Ping wird ausgeführt für 192.0.2.7 mit 32 Bytes Daten:",
        "Antwort von 192.0.2.7: Bytes=32 Zeit=1ms TTL=128",
    ),
    "French": (
        "Envoi d’une requête 'Ping'  192.0.2.7 avec 32 octets de données :",
        "Réponse de 192.0.2.7 : octets=32 temps=1 ms TTL=128",
    ),
    "Russian": (
        "Обмен пакетами с 192.0.2.7 по с 32 байтами данных:",
        "Ответ от 192.0.2.7: число байт=32 время=1мс TTL=128",
    ),
    "Japanese": (
        "192.0.2.7 に ping を送信しています 32 バイトのデータ:",
        "192.0.2.7 からの応答: バイト数 =32 時間 =1ms TTL=128",
    ),
    "Chinese": ("正在 Ping 192.0.2.7 具有 32 字节的数据:", "来自 192.0.2.7 的回复: 字节=32 时间=1ms TTL=128"),
    "IPv6": ("Pinging fe80::1 with 32 bytes of data:", "Reply from fe80::1: time=1ms"),
}
END = [
    "",
    "Ping statistics for 192.0.2.7:",
    "    Packets: Sent = 10, Received = 7, Lost = 3 (30% loss),",
    "Approximate round trip times in milli-seconds:",
    "    Minimum = 1ms, Maximum = 1ms, Average = 1ms",
    "Control-C",
    "^C",
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize("language", WINDOWS)
def test_windows_ping_in_any_language_and_encoding(language: str, encoding: str) -> None:
    title, reply = WINDOWS[language]
    text = "\r\n".join(["", title, *[reply] * 4, *["Request timed out."] * 2, *[reply] * 5, *END])
    pings = parsed(text.encode(encoding))
    series = only(pings)
    assert series.lost.tolist() == [False] * 4 + [True] * 2 + [False] * 5
    assert set(series.rtt_ms[series.answered]) == {1.0}
    assert (pings.schema, pings.header.resolution_ms) == ("Windows ping without time stamps", 1000)
    gap = gap_of(pings)
    assert [gap.lower_s, gap.upper_s] == pytest.approx([1.0, 9.0], abs=0.01), "1 s to 4 s each, unless told"
    assert gap.target == ("fe80::1" if language == "IPv6" else "192.0.2.7")


def test_a_code_page_of_a_console_is_read_for_its_numbers() -> None:
    text = "\n".join(["", *[WINDOWS["Russian"][0], *[WINDOWS["Russian"][1]] * 3]])
    assert len(parsed(text.encode("cp866"))) == 3


def test_less_than_a_millisecond_and_somebody_elses_answer() -> None:
    title, reply = WINDOWS["English"]
    quick = reply.replace("time=1ms", "time<1ms")
    lines = ["", title, quick, "Reply from 192.0.2.1: Destination host unreachable.", "General failure.", quick]
    assert only(parsed(lines)).lost.tolist() == [False, True, True, False]


def test_time_stamps_that_a_script_put_before_each_line_bracket_the_lost_ones() -> None:
    title, reply = WINDOWS["German"]
    clock = [58, 59, 60, 64, 68, 69, 70]
    fates = [
        reply,
        reply,
        reply,
        "Zeitüberschreitung der Anforderung.",
        "Zeitüberschreitung der Anforderung.",
        reply,
        reply,
    ]
    stamped = [
        f"23.11.2026 23:{59 + at // 60:02d}:{at % 60:02d} - {fate}" for at, fate in zip(clock, fates, strict=True)
    ]
    lines = ["", title, *(line.replace("23:60:", "00:00:") for line in stamped)]
    pings = parsed(lines)
    assert pings.schema == "Windows ping"
    gap = gap_of(pings)
    assert gap.lower_s == 0.0, "the first may have been lost at 64, the second sent at 64"
    assert gap.upper_s == pytest.approx(69 + 1 - 59, abs=0.01), "whole seconds leave a second open at either end"
    assert gap.lost == 2


@pytest.mark.parametrize(
    "stamp",
    [
        "23.11.2026 21:04:{:02d},5 - ",
        "11/23/2026 9:04:{:02d}.50 PM: ",
        "2026-11-23T21:04:{:02d}.500Z ",
        "2026-11-23T21:04:{:02d}.5000000+01:00 ",
        "[2026-11-23 21:04:{:02d}.5] ",
        "Mon 11/23/2026 21:04:{:02d}.50 ",
    ],
)
def test_a_date_and_a_time_before_each_line_are_used_in_any_form(stamp: str) -> None:
    title, reply = WINDOWS["English"]
    lines = [
        title,
        *(stamp.format(at) + (reply if at not in (7, 11) else "Request timed out.") for at in (1, 2, 7, 11, 12)),
    ]
    pings = parsed(lines)
    assert pings.schema == "Windows ping"
    assert 10.0 <= (gap_of(pings).upper_s or 0) <= 11.2, "9.5 s, and what the stamps cannot tell apart"
    said = verdict(judged(pings)).sentence
    assert "away at most 1" in said
    assert "±" not in said


def test_a_lost_line_took_from_a_pace_to_the_time_out_and_the_truth_is_within() -> None:
    title, reply = WINDOWS["English"]
    lost = "Reply from 192.0.2.1: Destination host unreachable."
    pings = parsed(["", title, *[reply] * 3, *[lost] * 10, *[reply] * 3, *[lost] * 3, reply])
    gap = gap_of(pings)
    assert [gap.lower_s, gap.upper_s] == pytest.approx([9.0, 41.0], abs=0.01)
    assert verdict(judged(pings)).sentence.startswith(
        "If one probe went each second (and a lost one waited up to 4 s): 192.0.2.7 was away "
    )
    second = judged(pings).kinds[0].gaps[1]
    assert [second.lower_s, second.upper_s] == pytest.approx([2.0, 13.0], abs=0.01), "one run does not blur the next"


def test_an_all_lost_log_of_windows_was_never_answered() -> None:
    lost = ["Zeitüberschreitung der Anforderung."] * 4
    counts = [
        "",
        "Ping-Statistik für 192.0.2.7:",
        "    Pakete: Gesendet = 4, Empfangen = 0, Verloren = 4",
        "(100% Verlust),",
    ]
    for title in (
        "Ping wird ausgeführt für vm01 [192.0.2.7] mit 32 Bytes Daten:",
        "Обмен с 192.0.2.7 по с 32 байтами:",
    ):
        found = verdict(judged(parsed(["", title, *lost, *counts])))
        assert found.sentence == "Nothing can be said of 192.0.2.7: none of 4 probes was ever answered."
        assert not found.supported


def test_a_log_without_stamps_tells_on_which_side_its_gap_is_open() -> None:
    title, reply = WINDOWS["English"]
    lost = "Request timed out."
    after = verdict(judged(parsed(["", title, *[reply] * 3, *[lost] * 3]))).sentence
    before = verdict(judged(parsed(["", title, *[lost] * 3, *[reply] * 3]))).sentence
    assert "it had not come back when the samples end" in after
    assert "it was away already when the samples begin" in before


def test_two_machines_in_one_log_are_two() -> None:
    title, reply = WINDOWS["English"]
    one = ["", title, *[reply] * 4, *END[:-2]]
    other = [line.replace("192.0.2.7", "192.0.2.8") for line in [*one[:3], "Request timed out.", *one[3:]]]
    found = list(series_of(parsed([*one, *other])))
    assert [(each.name, len(each), int(each.lost.sum())) for each in found] == [
        ("192.0.2.7", 4, 0),
        ("192.0.2.8", 5, 1),
    ]
    lines = [ping(seq) for seq in range(1, 9) if seq != 4]
    more = [line.replace("192.0.2.7", "192.0.2.8") for line in lines]
    both = [line for pair in zip(lines, more, strict=True) for line in pair]
    assert [(each.name, len(each), int(each.lost.sum())) for each in series_of(parsed(both))] == [
        ("192.0.2.7", 8, 1),
        ("192.0.2.8", 8, 1),
    ]


def test_the_pace_of_a_log_without_stamps_can_be_told() -> None:
    lines = [UNIX["English"].format(seq=seq, ms="0.5") for seq in range(1, 21) if seq not in (5, 6, 7)]
    pings = parse_log("\n".join(lines).encode(), where="a.log", pace_s=0.2)
    assert gap_of(pings).length_s == pytest.approx(0.6)
    assert verdict(judged(pings)).sentence.startswith("If one probe went each 200 ms: 192.0.2.7 was away 0.60 s")


def test_a_log_that_begins_after_the_time_asked_for_speaks_of_no_monitor() -> None:
    begin = datetime.fromtimestamp(START, UTC) - timedelta(seconds=743)
    report = judge_downtime(parsed([fping(seq) for seq in range(9)]), window=(begin, begin + timedelta(seconds=9)))
    assert "The log begins 743 s after the time asked for" in verdict(report).text
    assert "monitor" not in verdict(report).text
    assert "0 of 0" not in verdict(report).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# snlm\n\nA tool for 192.0.2.7.\n",
        "hello\nworld\n",
        "Notes:\nthe server 192.0.2.7 = 4\n",
        "Pinging 192.0.2.7:\nRequest timed out.\n",
    ],
)
def test_what_is_no_log_is_named(text: str) -> None:
    with pytest.raises(RecordError, match=r"no line in it is a probe's") as raised:
        parsed(text.encode())
    assert "a.log" in str(raised.value)


def test_a_file_of_ours_is_read_as_such(tmp_path: Path, data: Path) -> None:
    assert read_any(data / "pings-five-lost.csv").schema == "snlm.pings/1"
    pings = pings_of({("VM01", "icmp"): "AAxA"})
    path = tmp_path / "pings.csv"
    path.write_bytes(
        codecs.BOM_UTF8 + f"{pings.header.line()}seq,target,kind,due_s,sent_utc,sent_s,status,rtt_ms,error\n".encode()
    )
    assert read_any(path).header == pings.header
    (tmp_path / "a.log").write_text("\n".join(ping(seq) for seq in range(3)), encoding="utf-8")
    assert read_any(tmp_path / "a.log").schema == "ping"
    with pytest.raises(RecordError, match="no samples"):
        read_any(tmp_path / "none.log")


def test_a_log_of_nothing_but_answers_has_no_gap() -> None:
    report = judged(parsed([fping(seq) for seq in range(50)]))
    assert report.gap is None
    assert report.gap_upper_s == pytest.approx(0.02, abs=1e-3)
    assert np.isfinite(report.interval_ms)


@pytest.mark.parametrize(
    "text",
    [
        "h : [0], 64 bytes, 0.1 ms (0.1 avg, 0% loss)\nh : [9999999999], 64 bytes, 0.1 ms (0.1 avg, 0% loss)\n",
        "[99999999999999.0] h : [0], 64 bytes, 0.1 ms (0.1 avg, 0% loss)\n",
    ],
)
def test_a_number_out_of_all_reason_is_a_sentence_and_no_load(text: str) -> None:
    with pytest.raises(RecordError, match="out of all reason"):
        parse_log(text.encode(), where="odd.log")
