"""A host with many machines, and how pypsrp alone fetches them: what the wire's benchmark compares with."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.serializer import Serializer
from pypsrp.wsman import WSMan

from snlm_lib.remote.credentials import Credential

__all__ = ["WANTED", "by_pypsrp", "crowded"]

# fmt: off
WANTED = (
    "Name", "Id", "State", "Status", "OperationalStatus", "PrimaryOperationalStatus", "Uptime", "Version", "Generation",
    "ProcessorCount", "MemoryAssigned", "MemoryStartup", "MemoryMinimum", "MemoryMaximum", "DynamicMemoryEnabled",
    "Path", "ConfigurationLocation", "SnapshotFileLocation", "SmartPagingFilePath", "CreationTime", "Notes",
    "IsClustered", "ComputerName", "AutomaticStartAction", "CheckpointType",
)
# fmt: on


def crowded(folder: Path, machines: int) -> Path:
    """A scenario file: the quick one with ``machines`` on HV01."""
    vms = {
        f"VM{number:04}": {
            "path": f"D:\\Hyper-V\\VM{number:04}",
            "memory_gib": 1,
            "processors": 2,
            "disks": [{"file": f"VM{number:04}.vhdx", "size_gib": 1, "file_gib": 0.1}],
            "adapters": [{"switch": "LAN", "mac_address": f"00155D{number:06X}", "ip_addresses": []}],
        }
        for number in range(machines - 2)  # the quick one has two
    }
    told = {
        "schema": "snlm.scenario/1",
        "based_on": "quick",
        "about": "Many machines.",
        "hosts": {"HV01": {"vms": vms}},
    }
    path = folder / "crowded.yaml"
    path.write_text(json.dumps(told), encoding="utf-8")  # JSON is YAML
    return path


class _Listening(Serializer):
    """pypsrp's decoder, which also keeps the text of every object it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def deserialize(self, value: Any, metadata: Any = None, clear: bool = True) -> Any:
        if metadata is None and isinstance(value, str):
            self.heard.append(value)
        return super().deserialize(value, metadata=metadata, clear=clear)


def by_pypsrp(port: int, credential: Credential) -> tuple[float, list[str]]:
    """Seconds from the question to the last object, and the objects' own texts as they came."""
    wsman = WSMan(
        "127.0.0.1", port=port, username=credential.user, password=credential.password, ssl=False, auth="ntlm"
    )
    with wsman, RunspacePool(wsman) as pool:
        listening = _Listening()
        pool._serializer = pool._fragmenter.serializer = listening
        shell = PowerShell(pool).add_cmdlet("Get-VM").add_cmdlet("Select-Object")
        shell.add_parameter("Property", list(WANTED))
        began_s = time.perf_counter()
        found = shell.invoke()
        took_s = time.perf_counter() - began_s
    return took_s, [text for text in listening.heard if "Selected." in text][: len(found)]
