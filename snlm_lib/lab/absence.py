"""How a machine's absence shows on the network: dropped or held, alone or with its neighbours, then its own firewall.

Knows no move; the living guests do what is said here, and measure it themselves.
"""

from __future__ import annotations

import threading
from uuid import UUID

from snlm_lib.lab.telemetry import MoveTruth
from snlm_lib.lab.world import Guest, World

__all__ = ["Absence"]


class Absence:
    """One machine that is away for a while: `begin`, and `end` when it is back."""

    def __init__(self, world: World, vm_id: UUID) -> None:
        self._world = world
        self._guest = world.guests.get(vm_id)
        self._neighbours = world.neighbours if world.pace.path_fails else []

    @property
    def seen(self) -> bool:
        """Does a living guest answer for it?"""
        return self._guest is not None

    def begin(self) -> None:
        """Nobody hears it from now on."""
        for each in self._silenced():
            each.silence(held=self._world.pace.held)

    def end(self, truth: MoveTruth, *, back: bool) -> None:
        """It answers again if it is ``back``, behind its quarantine if there is one; fills in the ``truth``."""
        quarantine_s = self._world.pace.quarantine_wall_s
        for each in self._neighbours:
            each.answer()
        if self._guest is None or not back:
            return
        if quarantine_s:
            self._guest.quarantine()
        silence_s = self._guest.answer()
        with self._world.lock:
            truth.silence_s = silence_s
        if quarantine_s:  # the move does not wait for it
            threading.Thread(target=self._release, args=(self._guest, truth), name="quarantine", daemon=True).start()

    def _silenced(self) -> list[Guest]:
        return [*([self._guest] if self._guest else []), *self._neighbours]

    def _release(self, guest: Guest, truth: MoveTruth) -> None:
        self._world.clock.sleep(self._world.pace.quarantine_wall_s)
        lasted_s = guest.release()
        with self._world.lock:
            truth.quarantine_s = lasted_s
            if truth.silence_s is not None and lasted_s is not None:
                truth.silence_s += lasted_s
