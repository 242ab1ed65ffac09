"""The lab's answers have the structure of those recorded from real Windows, but for what is listed with its reason."""

from __future__ import annotations

from functools import cache

import pytest

from tests.conformance import recording
from tests.conformance.differences import Found, between, known, made_from
from tests.conformance.replay import replay

needs_recordings = pytest.mark.skipif(not recording.names(), reason=recording.ABSENT)


@cache
def found(name: str) -> frozenset[Found]:
    windows, lab = replay(recording.exchanges(name))
    assert windows or lab, "nothing of this recording was compared"
    return frozenset(between(windows, lab))


@needs_recordings
@pytest.mark.parametrize("name", recording.names() or ["none"])
def test_the_labs_answers_have_windows_structure(name: str) -> None:
    unexplained = [item for item in found(name) if not any(each.explains(item) for each in known())]
    assert sorted(unexplained, key=repr) == []


@needs_recordings
def test_no_listed_difference_is_stale() -> None:
    everything = {item for name in recording.names() for item in found(name)}
    stale = [each for each in known() if not any(each.explains(item) for item in everything)]
    # What only a recording shows that is not at hand cannot be called stale.
    assert not stale or set(made_from()) - set(recording.names())


def test_every_difference_has_a_reason_and_a_side() -> None:
    for each in known():
        assert each.side in ("windows", "lab")
        assert len(each.reason.split()) > 3
