"""The page of samples outside a change: the sentence and the pictures, in one file that asks for nothing."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.measure.downtime import DowntimeReport, judge_downtime
from snlm_lib.measure.pings import Pings, read_pings
from snlm_lib.measure.verdict import verdict
from snlm_lib.record.charts.tracks import Track
from snlm_lib.record.downtime_page import page_of
from tests import ping_synthesis as made
from tests.ping_synthesis import BEGAN


def judged(folder: Path, *tracks: Track, windowed: bool = False) -> tuple[Pings, DowntimeReport]:
    pings = read_pings(made.write_csv(folder / "pings.csv", tracks))
    window = (BEGAN, BEGAN + timedelta(seconds=40)) if windowed else None
    return pings, judge_downtime(pings, window=window)


def figures(page: str) -> list[dict[str, Any]]:
    blocks = re.findall(r'<script type="application/json" id="figure-\d+-data">(.*?)</script>', page)
    return [json.loads(block) for block in blocks]


def test_the_sentence_its_doubts_and_every_kind_stand_in_the_page(tmp_path: Path) -> None:
    one = judged(tmp_path, *made.a_move())
    page = page_of([one])

    assert verdict(one[1]).sentence in page
    assert all(f">{words}<" in page for words in ("ICMP", "UDP", "TCP connect", "TCP flow", "GW01"))
    assert [figure["layout"]["title"]["text"] for figure in figures(page)] == [
        "Pings: 20 of 5,400 lost",
        "Around the longest gap",
    ]
    assert "Content-Security-Policy" in page
    assert not re.search(r'(src|href)="http', page.partition("<script")[0])  # plotly.js names addresses, asks none


@pytest.mark.parametrize("windowed", [False, True])
def test_the_gap_lies_where_the_clock_of_the_wall_says(tmp_path: Path, windowed: bool) -> None:
    _, zoom = figures(page_of([judged(tmp_path, *made.a_move(), windowed=windowed)]))
    low, high = zoom["layout"]["xaxis"]["range"]

    assert (low + high) / 2000 - BEGAN.timestamp() == pytest.approx(31.5, abs=0.05)


def test_a_name_is_text_and_one_who_never_answered_is_said(tmp_path: Path) -> None:
    page = page_of([judged(tmp_path, made.track("icmp", target="<b>x", outages=[(0, 100)]))])

    assert "<b>x" not in page
    assert "&lt;b&gt;x" in page
    assert "was ever answered" in page
