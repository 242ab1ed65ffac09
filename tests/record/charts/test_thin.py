"""Thinning keeps peaks, breaks and order, and every hit within a mark."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snlm_lib.record.charts.thin import kept, marks_of

VALUES = st.lists(st.one_of(st.none(), st.floats(0.01, 1e5)), min_size=1, max_size=400)


def test_few_points_stay_as_they_are() -> None:
    assert kept(np.array([1.0, np.nan, 3.0]), 3).tolist() == [0, 1, 2]


@settings(deadline=None)
@given(VALUES, st.integers(3, 60))
def test_extremes_and_breaks_survive_in_their_order(values: list[float | None], most: int) -> None:
    column = np.array([np.nan if value is None else value for value in values])
    chosen = kept(column, most)
    drawn = column[chosen]

    assert len(chosen) <= most
    assert (np.diff(chosen) > 0).all()
    assert np.isnan(drawn).any() == np.isnan(column).any()
    if not np.isnan(column).all():
        assert np.nanmax(drawn) == np.nanmax(column)
        assert np.nanmin(drawn) == np.nanmin(column)


def test_no_line_runs_over_a_break() -> None:
    column = np.ones(10_000)
    column[5_000] = np.nan

    assert np.isnan(column[kept(column, 300)]).sum() == 1


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=300), st.integers(2, 20))
def test_every_hit_lies_in_a_mark_and_is_counted_once(hits: list[bool], most: int) -> None:
    hit, at_s = np.array(hits), np.arange(len(hits), dtype=np.float64)
    marks = marks_of(at_s, hit, most)

    inside = (at_s[:, None] >= marks.first_s) & (at_s[:, None] <= marks.last_s)
    assert len(marks.hits) <= most
    assert marks.hits.sum() == hit.sum()
    assert inside.sum(axis=0).tolist() == marks.probes.tolist()
    assert (inside.sum(axis=1)[hit] == 1).all()
    assert (marks.share > 0).all()


def test_a_run_is_one_mark_and_the_nearest_are_told_together() -> None:
    at_s = np.arange(20, dtype=np.float64)
    hit = np.zeros(20, dtype=bool)
    hit[[2, 3, 4, 6, 15]] = True

    assert marks_of(at_s, hit, 5).first_s.tolist() == [2.0, 6.0, 15.0]
    together = marks_of(at_s, hit, 2)
    assert list(zip(together.first_s, together.last_s, together.hits, together.probes, strict=True)) == [
        (2.0, 6.0, 4, 5),
        (15.0, 15.0, 1, 1),
    ]
