"""Sample files are read whatever their state; unknown stays unknown."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from snlm_lib.measure.samples import moments, numbers, read_samples, texts


def test_columns_with_unknowns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t_s,utc,name\n1.5,2026-11-23T21:04:00.000Z,a\n,soon,\nNaN,,inf\ninf,,b\n", encoding="utf-8")
    found = read_samples(path)
    assert numbers(found, "t_s") == [1.5, None, None, None]
    assert texts(found, "name") == ["a", "", "inf", "b"]
    assert [moment is not None for moment in moments(found, "utc")] == [True, False, False, False]
    assert numbers(found, "no such column") == []


@pytest.mark.parametrize(
    ("text", "rows"), [("a,b\n1,2\n3,", 2), ("a,b\n1,2\n3", 1), ("a,b\n", 0), ("", 0), ("a,b\n\0\0,2\n", 1)]
)
def test_a_file_that_was_cut_off(tmp_path: Path, text: str, rows: int) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    assert len(numbers(read_samples(path), "a")) == rows


def test_no_file_or_no_text_is_empty(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    assert read_samples(tmp_path / "a.csv") == {}
    assert read_samples(tmp_path / "b.csv") == {}


def test_a_data_frame_does_as_well() -> None:
    frame = pd.DataFrame({"t_s": [1.0, float("nan")], "name": ["x", None]})
    assert numbers(frame, "t_s") == [1.0, None]
    assert texts(frame, "name") == ["x", ""]
    assert texts(frame, "gone") == []
