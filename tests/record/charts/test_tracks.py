"""From a file of samples to what is drawn: fates, order, and one axis for all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snlm_lib.record.charts.tracks import read_tracks
from snlm_lib.units import parse_utc

STARTED = "2026-11-23T21:04:00.000Z"
REQUESTED = parse_utc("2026-11-23T21:04:20.000Z")
OLD = "seq,target,kind,due_s,sent_utc,sent_s,status,rtt_ms"


def header(vantage: str = "ADMIN-PC", *, control: str = "GW01") -> str:
    targets = ",".join(
        f'{{"name":"{name}","role":"{role}","address":"","kinds":["udp"],"exchanges":{{}}}}'
        for name, role in ((control, "control"), ("VM01", "machine"))
    )
    return (
        f'# snlm.pings/2 {{"vantage":"{vantage}","started_utc":"{STARTED}","interval_ms":1000,"timeout_ms":1000,'
        f'"targets":[{targets}],"resolution_ms":1000}}\n{OLD},error'
    )


def row(seq: int, status: str, *, target: str = "VM01", error: str = "", zero_s: int = 0) -> str:
    sent = "" if status == "not_sent" else f"{seq}"
    utc = "" if status == "not_sent" else f"2026-11-23T21:04:{seq + zero_s:02}.000Z"
    rtt = "1.0" if status in ("answered", "late") and not error else ""
    return f"{seq},{target},udp,{seq},{utc},{sent},{status},{rtt},{error}"


def write(folder: Path, *rows: str, name: str = "pings.csv", top: str = "") -> None:
    (folder / name).write_text("\n".join([top or header(), *rows]) + "\n", encoding="utf-8")


def test_each_probe_has_its_last_fate(tmp_path: Path) -> None:
    fates = ["answered", "lost", "lost", "not_sent"]
    write(tmp_path, *(row(seq, fate) for seq, fate in enumerate(fates)), row(2, "late"), row(2, "duplicate"))
    (track,), axis = read_tracks(tmp_path, requested_utc=REQUESTED)

    assert [(track.count(fate)) for fate in ("answered", "lost", "late", "not_sent")] == [1, 1, 1, 1]
    assert track.sent == 3
    assert track.at_s.tolist() == pytest.approx([-20, -19, -18, -17])
    assert np.isnan(track.rtt_ms).tolist() == [False, True, False, True]
    assert axis.title == "time since the move was requested, s"


def test_an_answer_that_waited_for_us_is_no_round_trip(tmp_path: Path) -> None:
    write(tmp_path, row(0, "answered"), row(1, "answered", error="monitor-stalled"))
    (track,), _ = read_tracks(tmp_path)

    assert (track.count("answered"), track.count("monitor-stalled")) == (1, 1)


def test_machines_stand_above_controls(tmp_path: Path) -> None:
    write(tmp_path, row(0, "answered", target="GW01"), row(0, "answered"))
    tracks, _ = read_tracks(tmp_path)

    assert [track.place for track in tracks] == ["VM01", "GW01 (control)"]


def test_outside_a_change_the_axis_is_utc(tmp_path: Path) -> None:
    write(tmp_path, row(0, "answered"), row(1, "lost"))
    (track,), axis = read_tracks(tmp_path)

    assert axis.shown(track.at_s) == [1795467840000, 1795467841000]
    assert axis.words(1.25) == "21:04:01.2"
    assert axis.lengths(np.array([0.5])) == [500.0]


def test_two_vantages_stand_on_one_axis_and_are_named(tmp_path: Path) -> None:
    write(tmp_path, row(0, "answered"))
    write(tmp_path, row(0, "answered", zero_s=3), name="pings-HV01.csv", top=header("HV01"))
    tracks, _ = read_tracks(tmp_path)

    assert [(track.place, track.at_s.tolist()) for track in tracks] == [
        ("VM01 from ADMIN-PC", [pytest.approx(0.0)]),
        ("VM01 from HV01", [pytest.approx(3.0)]),
    ]


def test_an_older_file_is_drawn_too_and_a_broken_one_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, row(0, "answered").removesuffix(","), row(1, "lost").removesuffix(","), top=OLD)
    (tmp_path / "pings-HV01.csv").write_text("broken", encoding="utf-8")
    (track,), axis = read_tracks(tmp_path)

    assert track.count("lost") == 1
    assert axis.zero_utc is not None


def test_a_long_name_is_shortened_for_a_narrow_page(tmp_path: Path) -> None:
    write(tmp_path, row(0, "answered", target="V" * 60))
    (track,), _ = read_tracks(tmp_path)

    assert len(track.place) == 30


def test_no_samples_are_no_tracks(tmp_path: Path) -> None:
    assert read_tracks(tmp_path)[0] == ()
