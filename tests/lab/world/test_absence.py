"""What neighbours see of a move: dropped, held, shared with them, or drawn out by the guest's own firewall."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from snlm_lib.lab.absence import Absence
from snlm_lib.lab.telemetry import MoveTruth
from tests.lab.world.conftest import CountingGuest, Lab, until


class Alone:
    """VM01 with its guest, and DC01 as its neighbour, in a world of one pace."""

    def __init__(self, lab: Lab, **pace: Any) -> None:
        self.world = lab.world
        self.world.pace = replace(self.world.pace, **pace)
        self.guest, self.neighbour = CountingGuest(self.world), CountingGuest(self.world)
        vm_id = lab.vm("VM01").vm_id
        self.world.guests[vm_id] = self.guest
        self.world.neighbours.append(self.neighbour)
        self.truth = MoveTruth("VM01", str(vm_id), "HV01", "HV02")
        self.absence = Absence(self.world, vm_id)

    def away(self, seconds: float, *, back: bool = True) -> MoveTruth:
        self.absence.begin()
        self.world.clock.sleep(seconds)
        self.absence.end(self.truth, back=back)
        return self.truth


def test_a_neighbour_hears_and_answers_all_the_time(ready: Lab) -> None:
    alone = Alone(ready)
    assert alone.away(0.5).silence_s == pytest.approx(0.5)
    assert (alone.guest.held, alone.neighbour.since_s) == (False, None)


def test_a_path_that_fails_silences_the_neighbour_too_and_only_so_long(ready: Lab) -> None:
    alone = Alone(ready, path_fails=True)
    alone.away(0.5, back=False)
    assert alone.truth.silence_s is None
    assert alone.neighbour.since_s is not None
    assert alone.neighbour.ended == [pytest.approx(0.5)]


def test_what_is_held_is_held_by_the_guest(ready: Lab) -> None:
    alone = Alone(ready, held=True)
    alone.away(0.5)
    assert alone.guest.held


def test_a_quarantine_draws_the_silence_of_datagrams_out_and_the_move_does_not_wait(ready: Lab) -> None:
    alone = Alone(ready, quarantine_wall_s=2.0)
    truth = alone.away(0.5)
    assert until(lambda: truth.quarantine_s is not None)
    assert truth.quarantine_s == pytest.approx(2.0)
    assert truth.silence_s == pytest.approx(2.5)


def test_a_machine_without_a_living_guest_is_seen_by_nobody(ready: Lab) -> None:
    absence = Absence(ready.world, ready.vm("VM01").vm_id)
    truth = MoveTruth("VM01", "x", "HV01", "HV02")
    absence.begin()
    absence.end(truth, back=absence.seen)
    assert (absence.seen, truth.silence_s) == (False, None)
