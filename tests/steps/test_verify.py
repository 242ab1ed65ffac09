"""06 waits a bounded time for the guest to report its addresses, and not at all when there is nothing to wait for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.estate.model import VmFacts
from snlm_lib.steps.verify import REPORT_LIMIT_S, settled
from tests import builders

HERS = ("10.20.0.51",)


def reporting(*addresses: str) -> VmFacts:
    vm = builders.machine()
    return replace(vm, adapters=tuple(replace(item, ip_addresses=addresses) for item in vm.adapters or ()))


def looks(*seen: VmFacts | None) -> Iterator[VmFacts | None]:
    """What is seen, one look after the other, the last one for ever."""
    yield from seen
    while True:
        yield seen[-1]


@pytest.mark.parametrize("first", [reporting(), reporting("169.254.7.7"), replace(reporting(), adapters=None)])
def test_a_guest_that_reports_late_is_waited_for(first: VmFacts) -> None:
    clock, seen = FakeClock(), looks(first, first, reporting(*HERS))
    assert settled(lambda: next(seen), HERS, clock) == reporting(*HERS)
    assert 0 < sum(clock.slept_s) < REPORT_LIMIT_S


def test_a_guest_that_never_reports_is_waited_for_no_longer_than_the_limit() -> None:
    clock, seen = FakeClock(), looks(reporting())
    assert settled(lambda: next(seen), HERS, clock) == reporting()
    assert sum(clock.slept_s) == pytest.approx(REPORT_LIMIT_S)


@pytest.mark.parametrize(("seen", "addresses"), [(reporting(*HERS, "fe80::1"), HERS), (reporting(), ()), (None, HERS)])
def test_nothing_is_waited_for_when_all_is_there_or_nothing_was(
    seen: VmFacts | None, addresses: tuple[str, ...]
) -> None:
    clock = FakeClock()
    assert settled(lambda: seen, addresses, clock) == seen
    assert clock.slept_s == []
