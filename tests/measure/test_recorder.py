"""The monitor's inside, driven in this process: its file, its ends, its honest last line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.errors import ParameterError
from snlm_lib.measure.ping_file import TargetFacts, read_header
from snlm_lib.measure.probes import ProbeTarget
from snlm_lib.measure.recorder import MonitorConfig, Recorder, read_config
from snlm_lib.process import ProcessIdentity, identity_of
from tests.measure.fake_guest import FakeGuest
from tests.measure.raw_rows import last_words, raw_rows

ConfigFor = Callable[..., MonitorConfig]


def unheard(_line: str) -> None:
    return None


@pytest.fixture
def config_for(tmp_path: Path) -> ConfigFor:
    def make(guest: FakeGuest, *, limit_s: float = 30.0, timeout_ms: int = 200) -> MonitorConfig:
        return MonitorConfig(
            targets=(ProbeTarget("VM01", "127.0.0.1", udp_port=guest.udp_port, tcp_port=guest.tcp_port),),
            interval_ms=20,
            timeout_ms=timeout_ms,
            pings_csv=tmp_path / "pings.csv",
            state_json=tmp_path / "state.json",
            stop_file=tmp_path / "stop",
            limit_s=limit_s,
            vantage="JUMP01",
            clock_offsets_s={"HV01": 0.012, "HV02": None},
        )

    return make


def test_a_configuration_is_read_as_it_was_written(guest: FakeGuest, config_for: ConfigFor, tmp_path: Path) -> None:
    config = config_for(guest)
    path = tmp_path / "config.json"
    path.write_text(config.to_json(), encoding="utf-8")
    assert read_config(path) == config
    assert read_config(path).digest() == config.digest()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"targets": [{"colour": 1}]}', '{"targets": 3}'])
def test_what_is_no_configuration_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ParameterError, match=r"config\.json"):
        read_config(path)


def test_the_limit_ends_it_and_every_tick_has_its_row(guest: FakeGuest, config_for: ConfigFor) -> None:
    config = config_for(guest, limit_s=0.4)
    lines: list[str] = []
    assert Recorder(config, SystemClock(), log=lines.append).run() == "limit"
    for kind in ("udp", "tcp"):
        probes = last_words(config.pings_csv, kind)
        assert list(probes) == list(range(len(probes)))
        assert len(probes) >= 18
    state = json.loads(config.state_json.read_text(encoding="utf-8"))
    assert (state["end"], state["rows"], state["config_sha256"]) == (
        "limit",
        len(raw_rows(config.pings_csv)),
        config.digest(),
    )
    header = read_header(config.pings_csv.read_text(encoding="utf-8").splitlines()[0] + "\n")
    assert (header.vantage, header.clock_offsets_s) == ("JUMP01", {"HV01": 0.012, "HV02": None})
    assert (header.interval_ms, header.timeout_ms, header.resolution_ms) == (20, 200, 20)
    assert (header.started_utc, header.started_monotonic_s) == (state["started_utc"], state["started_monotonic_s"])
    assert header.targets == (TargetFacts("VM01", "machine", "127.0.0.1", ("udp", "tcp"), {"tcp": "echo"}),)
    assert state["kinds"] == {"VM01": ["udp", "tcp"]}
    assert "ended: limit" in lines[-1]


def test_a_stop_file_that_is_there_already_stops_it_at_once(guest: FakeGuest, config_for: ConfigFor) -> None:
    config = config_for(guest)
    config.stop_file.touch()
    assert Recorder(config, SystemClock(), log=unheard).run() == "stop-file"
    assert raw_rows(config.pings_csv) == []


def test_a_starter_that_died_before_it_could_know_of_us_leaves_nobody_behind(
    guest: FakeGuest, config_for: ConfigFor, tmp_path: Path
) -> None:
    config = replace(config_for(guest), starter=ProcessIdentity(identity_of().pid, 1.0))
    path = tmp_path / "config.json"
    path.write_text(config.to_json(), encoding="utf-8")
    assert read_config(path) == config
    assert Recorder(config, SystemClock(), log=unheard).run() == "starter-gone"
    state = json.loads(config.state_json.read_text(encoding="utf-8"))
    assert state["end"] == "starter-gone"
    alive = replace(config, starter=identity_of(), limit_s=0.1, pings_csv=tmp_path / "again.csv")
    assert Recorder(alive, SystemClock(), log=unheard).run() == "limit"


def test_asked_by_the_operating_system_it_ends_and_says_so(guest: FakeGuest, config_for: ConfigFor) -> None:
    config = config_for(guest)
    lines: list[str] = []
    recorder = Recorder(config, SystemClock(), log=lines.append)
    recorder.terminate()
    assert recorder.run() == "terminated"
    assert json.loads(config.state_json.read_text(encoding="utf-8"))["end"] == "terminated"


def test_at_the_end_outstanding_probes_get_their_time_and_then_are_lost(
    guest: FakeGuest, config_for: ConfigFor
) -> None:
    guest.be_silent(60)
    config = config_for(guest, limit_s=0.3)
    Recorder(config, SystemClock(), log=unheard).run()
    assert {row["status"] for row in raw_rows(config.pings_csv)} <= {"lost", "not_sent"}
    assert len(last_words(config.pings_csv, "udp")) >= 13


def test_samples_of_another_are_never_overwritten(guest: FakeGuest, config_for: ConfigFor) -> None:
    config = config_for(guest)
    config.pings_csv.write_text("precious", encoding="utf-8")
    with pytest.raises(FileExistsError):
        Recorder(config, SystemClock(), log=unheard).run()
    assert config.pings_csv.read_text(encoding="utf-8") == "precious"
