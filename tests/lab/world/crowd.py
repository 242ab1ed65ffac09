"""A scenario of many hosts and machines, made in memory: the same for the same seed."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from snlm_lib.lab.scenario import AdapterSpec, DiskSpec, HostSpec, Scenario, VmSpec
from snlm_lib.lab.scenario_file import load_scenario

__all__ = ["crowded"]

QUICK = Path(__file__).parents[3] / "parameters" / "scenarios" / "quick.yaml"


def crowded(*, hosts: int, machines: int, seed: int) -> Scenario:
    """The quick scenario on ``hosts`` hosts called HV01 and so on, ``machines`` spread over them in turn."""
    chance = random.Random(seed)
    quick = load_scenario(QUICK)
    pattern = quick.hosts["HV01"]
    names = [f"HV{number:02}" for number in range(1, hosts + 1)]
    vms: dict[str, dict[str, VmSpec]] = {name: {} for name in names}
    for number in range(1, machines + 1):
        vms[names[number % hosts]][f"VM{number:03}"] = _machine(number, chance)
    made = {name: _host(pattern, place, vms[name], names) for place, name in enumerate(names, 1)}
    return replace(quick, name=f"crowd of {seed}", hosts=made)


def _host(pattern: HostSpec, place: int, vms: dict[str, VmSpec], peers: list[str]) -> HostSpec:
    """Ready for a move to any of its peers."""
    services = ("cifs", "Microsoft Virtual System Migration Service")
    names = [f"{service}/{peer}" for service in services for peer in peers]
    ready = replace(pattern.migration, enabled=True, authentication="Kerberos", use_any_network=True)
    address = f"10.20.{place // 200}.{place % 200 + 11}"
    return replace(pattern, address=address, vms=vms, migration=ready, delegate_to=names, any_protocol=True)


def _machine(number: int, chance: random.Random) -> VmSpec:
    path = f"D:\\Hyper-V\\VM{number:03}"
    disks = [
        DiskSpec(f"VM{number:03}-{at}.vhdx", size_gib=chance.randint(20, 60), file_gib=chance.randint(1, 20))
        for at in range(chance.randint(1, 3))
    ]
    adapter = AdapterSpec("LAN", f"00155D{number:06X}", [f"10.30.{number // 250}.{number % 250 + 1}"])
    return VmSpec(path, chance.choice((1, 2, 4)), chance.choice((1, 2, 4)), disks, [adapter])
