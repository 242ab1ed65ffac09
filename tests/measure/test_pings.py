"""pings.csv read back: types, order, torn lines, files that are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from snlm_lib.errors import RecordError
from snlm_lib.measure.pings import read_pings, series_of


def test_rows_come_typed_and_in_order_whatever_the_order_of_their_fates(data: Path) -> None:
    samples = read_pings(data / "pings-five-lost.csv")
    assert len(samples["seq"]) == 60, "the torn last line of a killed monitor is no sample"
    _, udp = series_of(samples)
    assert [tick.seq for tick in udp.ticks] == list(range(30))
    lost = next(tick for tick in udp.ticks if tick.status == "lost")
    assert (lost.rtt_ms, udp.utc(lost.at_s)) == (None, datetime(2026, 11, 23, 21, 4, 1, tzinfo=UTC))
    not_sent = next(tick for tick in udp.ticks if tick.status == "not_sent")
    assert not_sent.at_s == 2.5


def test_a_data_frame_does_as_well(data: Path) -> None:
    samples = read_pings(data / "pings-five-lost.csv")
    assert list(series_of(pd.DataFrame(samples))) == list(series_of(samples))


def test_a_series_knows_its_zero_and_when_answers_came(data: Path) -> None:
    tcp, udp = series_of(read_pings(data / "pings-five-lost.csv"))
    assert (tcp.kind, udp.kind) == ("tcp", "udp")
    assert udp.zero_utc == datetime(2026, 11, 23, 21, 4, tzinfo=UTC)
    assert udp.utc(1.25) == udp.zero_utc + timedelta(seconds=1.25)
    assert udp.seconds(udp.zero_utc + timedelta(seconds=1.25)) == pytest.approx(1.25)
    assert udp.ticks[20].received_s == pytest.approx(3.1)
    assert udp.ticks[20].answered
    assert udp.ticks[25].at_s == 2.5
    assert not udp.ticks[25].answered


def test_only_a_header_is_no_sample_and_no_error(tmp_path: Path) -> None:
    path = tmp_path / "pings.csv"
    path.write_text("seq,target,kind,due_s,sent_utc,sent_s,status,rtt_ms\n", encoding="utf-8")
    assert list(series_of(read_pings(path))) == []


def test_nothing_ever_sent_has_no_zero(tmp_path: Path) -> None:
    path = tmp_path / "pings.csv"
    header = "seq,target,kind,due_s,sent_utc,sent_s,status,rtt_ms\n"
    path.write_text(header + "0,VM01,udp,0.0000,,,not_sent,\n", encoding="utf-8")
    (series,) = series_of(read_pings(path))
    assert series.zero_utc is None
    assert series.utc(1.0) is None


@pytest.mark.parametrize(("content", "says"), [(None, "no samples"), ("", "empty"), ("a,b\n1,2\n", "not a pings.csv")])
def test_a_file_that_is_none_is_named(tmp_path: Path, content: str | None, says: str) -> None:
    path = tmp_path / "pings.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(RecordError, match=says) as raised:
        read_pings(path)
    assert str(path) in str(raised.value)


def test_a_name_with_a_comma_and_umlauts_is_only_a_name(tmp_path: Path) -> None:
    path = tmp_path / "pings.csv"
    header = "seq,target,kind,due_s,sent_utc,sent_s,status,rtt_ms\n"
    line = '0,"Bücher, alt",udp,0.0000,2026-11-23T21:04:00.000Z,0.001000,answered,1.000\n'
    path.write_text(header + line, encoding="utf-8")
    assert read_pings(path)["target"] == ["Bücher, alt"]
