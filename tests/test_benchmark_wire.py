"""The wire's benchmark: an unknown figure keeps no limit; its crowd is a scenario; a late proxy loses nothing."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.crowd import WANTED, crowded
from benchmarks.delaying import delayed
from benchmarks.wire import LEAST_SPEEDUP, MOST_OVER_MINIMUM, ROUND_TRIPS, summary
from snlm_lib.lab.scenario_file import load_scenario


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"decode_speedup_over_pypsrp": LEAST_SPEEDUP, "survey_over_minimum": MOST_OVER_MINIMUM}, True),
        ({"decode_speedup_over_pypsrp": 3.9, "survey_over_minimum": 1.2}, False),
        ({"decode_speedup_over_pypsrp": 9.0, "survey_over_minimum": 1.6}, False),
        ({"decode_speedup_over_pypsrp": 9.0}, False),
        ({}, False),
    ],
)
def test_both_limits_must_be_known_and_kept(told: dict[str, Any], kept: bool) -> None:
    assert summary(told) is kept


def test_the_minimum_counts_a_sign_on_an_opening_and_one_pipeline() -> None:
    assert sum(ROUND_TRIPS.values()) == 8


def test_the_crowd_is_a_scenario_of_as_many_machines(tmp_path: Path) -> None:
    scenario = load_scenario(crowded(tmp_path, 50))
    assert len(scenario.hosts["HV01"].vms) == 50
    assert len(set(WANTED)) == 25


def test_the_proxy_carries_everything_and_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        echo = threading.Thread(target=_echo, args=(listener,), daemon=True)
        echo.start()
        with (
            delayed([listener.getsockname()[1]], round_trip_s=0.1) as (port,),
            socket.create_connection(("127.0.0.1", port)) as near,
        ):
            began_s = time.perf_counter()
            near.sendall(b"x" * 100_000)
            heard = b""
            while len(heard) < 100_000:
                heard += near.recv(65536)
            assert time.perf_counter() - began_s >= 0.1
        echo.join(5)
    assert heard == b"x" * 100_000


def _echo(listener: socket.socket) -> None:
    far, _ = listener.accept()
    with far:
        while data := far.recv(65536):
            far.sendall(data)
