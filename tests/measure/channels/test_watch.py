"""Waiting: for few sockets and for many, for a moment to the fraction of a millisecond, for nothing at all."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.measure.channels.watch import READ, WRITE, Watch


class Heard:
    """A reader that remembers what it was called for."""

    def __init__(self) -> None:
        self.masks: list[int] = []

    def ready(self, mask: int) -> None:
        self.masks.append(mask)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def watch(clock: FakeClock) -> Iterator[Watch]:
    made = Watch(clock.sleep)
    yield made
    made.close()
    made.close()


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    with ExitStack() as stack:
        made = [socket.socketpair() for _ in range(40)]
        for ours, theirs in made:
            stack.enter_context(ours)
            stack.enter_context(theirs)
        yield made


Pairs = list[tuple[socket.socket, socket.socket]]


@pytest.mark.parametrize("many", [1, 16, 17, 40])
def test_whoever_has_something_to_read_is_found_among_few_and_many(many: int, watch: Watch, pairs: Pairs) -> None:
    readers = [Heard() for _ in range(many)]
    for reader, (ours, _) in zip(readers, pairs, strict=False):
        watch.on(ours, reader, READ)
    assert len(watch) == many
    assert watch.ready(0.0) == []
    pairs[many - 1][1].send(b"x")
    assert watch.ready(5.0) == [(readers[many - 1], READ)]
    for ours, _ in pairs[:many]:
        watch.off(ours)
    assert len(watch) == 0


@pytest.mark.parametrize("others", [0, 30])
def test_what_is_waited_for_can_change(others: int, watch: Watch, pairs: Pairs) -> None:
    for ours, _ in pairs[1 : others + 1]:
        watch.on(ours, Heard(), READ)
    reader, (ours, theirs) = Heard(), pairs[0]
    watch.on(ours, reader, WRITE)
    assert watch.ready(0.0) == [(reader, WRITE)]
    watch.on(ours, reader, READ)
    assert watch.ready(0.0) == []
    theirs.send(b"x")
    watch.on(ours, reader, READ | WRITE)
    assert sorted(mask for _, mask in watch.ready(0.0)) == [READ, WRITE]
    watch.off(ours)
    watch.off(ours)
    assert watch.ready(0.0) == []


@pytest.mark.parametrize("others", [0, 30])
def test_a_connection_that_fails_wakes_who_waits_for_it(others: int, watch: Watch, pairs: Pairs) -> None:
    for ours, _ in pairs[:others]:
        watch.on(ours, Heard(), READ)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        nobody = held.getsockname()
    with socket.socket() as refused:
        refused.setblocking(False)
        refused.connect_ex(nobody)
        reader = Heard()
        watch.on(refused, reader, WRITE)
        assert watch.ready(5.0) == [(reader, WRITE)]
        watch.off(refused)


def test_with_nothing_to_wait_for_it_sleeps(watch: Watch, clock: FakeClock) -> None:
    assert watch.ready(0.25) == []
    assert clock.slept_s == [0.25]


@pytest.mark.parametrize("many", [1, 40])
def test_it_wakes_within_the_millisecond(many: int, watch: Watch, pairs: Pairs) -> None:
    for ours, _ in pairs[:many]:
        watch.on(ours, Heard(), READ)
    over_ms = []
    for _ in range(40):
        began_s = time.perf_counter()
        watch.ready(0.0023)
        over_ms.append((time.perf_counter() - began_s - 0.0023) * 1000)
    assert min(over_ms) >= 0, "never early"
    assert sorted(over_ms)[10] < 0.7, "epoll alone would sleep 3 ms"
