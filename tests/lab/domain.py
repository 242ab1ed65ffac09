"""The domain of the tests: two hosts, a controller, and users of every kind."""

from __future__ import annotations

from snlm_lib.lab.directory import ALL_RIGHTS, WRITE_DELEGATION
from snlm_lib.lab.directory_memory import MemoryDirectory

__all__ = ["WORKSTATION", "describe"]

WORKSTATION = 0x1000


def describe() -> MemoryDirectory:
    """Users: operator (may write delegation), writer (lacks the privilege), stranger, sensitive, protected."""
    domain = MemoryDirectory(netbios="CORP", dns="corp.example")
    for name in ("HV01", "HV02"):
        domain.add_computer(name, hyperv=True)
    domain.add_computer("DC01", controller=True)
    domain.add_user("operator", "Lab-Passw0rd", rights=ALL_RIGHTS)
    domain.add_user("writer", "Lab-Passw0rd", rights=frozenset({WRITE_DELEGATION}))
    domain.add_user("stranger", "Lab-Passw0rd")
    domain.add_user("sensitive", "Lab-Passw0rd", sensitive=True)
    domain.add_user("protected", "Lab-Passw0rd", protected=True)
    return domain
