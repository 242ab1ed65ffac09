"""Recorded runs on true ground, each made once for all who look at it; skipped where there are no namespaces.

Truth is asserted as bounds, never as tightness: a busy machine may measure worse, but nothing false.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from benchmarks import echo
from benchmarks.ground import Ground, Planned, grounded, play
from benchmarks.namespaces import why_not
from benchmarks.probing import Pace, monitored
from benchmarks.weather import BEYOND, Weather, bad_path
from snlm_lib.parameters import GuestTarget
from tests.netns.told import Run

PACE = Pace(20, timeout_ms=500, limit_s=120)
FATES = ("LONG", "SHORT", "LOSSY", "QUARANTINED", "CONTROL", "SIX")  # the machine of this number
LONG_S, QUARANTINE_S = 30.0, 8.0
SHORT_S = (0.02, 0.045, 0.08, 0.137, 0.26, 0.503, 1.2)
LOSS_PERCENT = 5
DEAF_S, PATH_S, CABLE_S, HOLD_S = 0.3, 0.4, 1.0, 1.0
WEATHER = Weather(delay_ms=30, jitter_ms=50, loss_percent=5, duplicate_percent=5)


@pytest.fixture(scope="session")
def possible() -> None:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def fates(possible: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Half a minute in which LONG is away; SHORT again and again; LOSSY at random; QUARANTINED by its firewall; SIX
    once, over IPv6; BEYOND a bad path; CONTROL never."""
    folder = tmp_path_factory.mktemp("fates")
    with (
        grounded(len(FATES)) as ground,
        ground.echoing(),
        bad_path(ground.near, ground.far, WEATHER) as beyond,
    ):
        ground.lose(FATES.index("LOSSY"), LOSS_PERCENT)
        plan = [(name, one) for name, some in _planned(ground).items() for one in some]
        with monitored(ground, _targets(ground), folder, PACE) as handle:
            played = play([one for _, one in plan])
            time.sleep(1.0)
        dropped = ground.lost()
    cuts = {fate: [cut for (name, _), cut in zip(plan, played, strict=True) if name == fate] for fate in FATES}
    return Run(handle, PACE, cuts, dropped, beyond.carried)


@pytest.fixture(scope="session")
def shared_path(possible: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """VM01 beside CONTROL, both by ICMP and datagram: pings ignored, the path cut, the cable out; BEYOND, a path that
    holds what comes."""
    with grounded(2) as ground, ground.echoing(), bad_path(ground.near, ground.far, Weather()) as beyond:
        targets = {
            name: GuestTarget(address=address, icmp=True, udp_port=echo.PORT)
            for name, address in zip(("VM01", "CONTROL"), ground.addresses, strict=True)
        } | {"BEYOND": GuestTarget(address=BEYOND, icmp=True)}
        plan = {
            "deaf": Planned(1.0, DEAF_S, ground.deaf()),
            "path": Planned(2.2, PATH_S, ground.drop(0, 1)),
            "cable": Planned(3.6, CABLE_S, ground.unplug()),
            "hold": Planned(3.6, HOLD_S, beyond.hold),
        }
        with monitored(ground, targets, tmp_path_factory.mktemp("path"), PACE) as handle:
            played = play(list(plan.values()))
            time.sleep(2.0)
    return Run(handle, PACE, {name: [cut] for name, cut in zip(plan, played, strict=True)})


def _targets(ground: Ground) -> dict[str, GuestTarget]:
    targets = {fate: GuestTarget(address=ground.addresses[number], icmp=True) for number, fate in enumerate(FATES)}
    quarantined = {"connect_port": echo.PORT, "connect_exchange": "echo", "tcp_port": echo.PORT}
    return targets | {
        "SHORT": targets["SHORT"].model_copy(update={"udp_port": echo.PORT}),
        "QUARANTINED": targets["QUARANTINED"].model_copy(update=quarantined),
        "SIX": GuestTarget(address=ground.addresses6[FATES.index("SIX")], icmp=True),
        "BEYOND": GuestTarget(address=BEYOND, icmp=True),
    }


def _planned(ground: Ground) -> dict[str, list[Planned]]:
    short = ground.drop(FATES.index("SHORT"))
    return {
        "LONG": [Planned(1.0, LONG_S, ground.drop(FATES.index("LONG")))],
        "SHORT": [Planned(at_s, length_s, short) for at_s, length_s in _again_and_again()],
        "QUARANTINED": [Planned(2.0, QUARANTINE_S, ground.quarantine(FATES.index("QUARANTINED")))],
        "SIX": [Planned(4.0, 0.7, ground.drop(FATES.index("SIX")))],
    }


def _again_and_again() -> Iterator[tuple[float, float]]:
    at_s = 1.5
    while at_s < LONG_S - 2:
        for length_s in SHORT_S:
            yield at_s, length_s
            at_s += length_s + 0.21
