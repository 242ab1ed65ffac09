"""The world: what is free, who listens, and a picture of it without time."""

from __future__ import annotations

import json
import threading

from snlm_lib.clock import FakeClock
from snlm_lib.lab.telemetry import MigrationCounters
from snlm_lib.units import GIB
from tests.lab.world.conftest import Lab


def as_text(lab: Lab) -> str:
    return json.dumps(lab.world.snapshot(), sort_keys=True)


def test_two_pictures_of_an_unchanged_world_are_equal_although_time_passes(lab: Lab) -> None:
    before = as_text(lab)
    clock = lab.world.clock
    assert isinstance(clock, FakeClock)
    clock.advance(3600)
    lab.world.log(lab.host("HV01"), 20413, level=4, values=("VM01",), message="m")
    lab.host("HV01").counters["VM01"] = MigrationCounters(pass_number=2)
    lab.host("HV01").active_moves += 1
    lab.vm("VM01").started_s += 5
    assert as_text(lab) == before


def test_a_change_shows_in_the_picture(lab: Lab) -> None:
    before = as_text(lab)
    lab.host("HV01").migration.enabled = True
    assert as_text(lab) != before


def test_the_picture_holds_no_password_and_no_moment(lab: Lab) -> None:
    text = as_text(lab)
    assert "Lab-Passw0rd" not in text
    assert "2026-11" not in text
    assert "started_s" not in text


def test_files_take_space_from_their_own_volume_only(lab: Lab) -> None:
    host = lab.host("HV02")
    free_c, free_d = host.free_bytes("C"), host.free_bytes("D")
    host.files["D:\\x.vhdx"] = 3 * GIB
    assert host.free_bytes("D") == free_d - 3 * GIB
    assert host.free_bytes("C") == free_c


def test_free_memory_counts_running_machines_and_the_reserve(lab: Lab) -> None:
    host = lab.host("HV01")
    assert host.memory_free_bytes == (256 - 8 - 8 - 4) * GIB
    lab.vm("FILE01").state = "Off"
    assert host.memory_free_bytes == (256 - 8 - 8) * GIB


def test_the_listener_waits_only_where_migration_is_enabled_and_a_network_allowed(lab: Lab) -> None:
    host = lab.host("HV02")
    assert host.listener_addresses == []
    host.migration.enabled = True
    assert host.listener_addresses == []
    host.migration.use_any_network = True
    assert host.listener_addresses == [host.address]
    assert host.accepts(6600)
    host.firewall["VIRT-MIGL-In-TCP-NoScope"].enabled = False
    assert not host.accepts(6600)


def test_ports_follow_their_rules(lab: Lab) -> None:
    host = lab.host("HV02")
    assert host.accepts(445)
    assert host.accepts(5985)
    assert not host.accepts(8080)
    host.firewall["FPS-SMB-In-TCP"].enabled = False
    assert not host.accepts(445)


def test_a_host_is_found_by_every_name(lab: Lab) -> None:
    for name in ("HV02", "hv02", "hv02.corp.example", "10.20.0.12"):
        assert lab.world.host(name) is lab.host("HV02")
    assert lab.world.host("HV03") is None


def test_a_volume_is_found_by_the_letter_of_a_path(lab: Lab) -> None:
    host = lab.host("HV01")
    volume = host.volume_of("d:\\Hyper-V")
    assert volume is not None
    assert volume.letter == "D"
    assert host.volume_of("E:\\x") is None
    assert host.volume_of("\\\\server\\share") is None


def test_logon_needs_name_in_any_case_and_the_exact_password(lab: Lab) -> None:
    assert lab.world.accepts_logon("corp\\OPERATOR", "Lab-Passw0rd")
    assert not lab.world.accepts_logon("CORP\\operator", "lab-passw0rd")
    assert not lab.world.accepts_logon("CORP\\nobody", "Lab-Passw0rd")


def test_record_ids_rise_even_from_many_threads(lab: Lab) -> None:
    host = lab.host("HV01")

    def write() -> None:
        for _ in range(50):
            lab.world.log(host, 1, level=4, values=(), message="")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [event.record_id for event in host.events]
    assert len(set(ids)) == 200
    assert ids == sorted(ids)
