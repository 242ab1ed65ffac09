"""The domain of the tests: two hosts, a controller, and users of every kind."""

from __future__ import annotations

from collections.abc import Sequence

from snlm_lib.lab.directory import (
    ALL_RIGHTS,
    DELEGATE_TO,
    TRUSTED_TO_AUTH,
    USER_ACCOUNT_CONTROL,
    WRITE_DELEGATION,
    Directory,
    Edit,
)
from snlm_lib.lab.directory_memory import MemoryDirectory

__all__ = ["WORKSTATION", "describe", "put"]

WORKSTATION = 0x1000


def describe() -> MemoryDirectory:
    """Users: operator (may write delegation), writer (lacks the privilege), stranger, sensitive, protected; and one
    in each state in which nobody signs on."""
    domain = MemoryDirectory(netbios="CORP", dns="corp.example")
    for name in ("HV01", "HV02"):
        domain.add_computer(name, hyperv=True)
    domain.add_computer("DC01", controller=True)
    domain.add_user("operator", "Lab-Passw0rd", rights=ALL_RIGHTS)
    domain.add_user("writer", "Lab-Passw0rd", rights=frozenset({WRITE_DELEGATION}))
    domain.add_user("stranger", "Lab-Passw0rd")
    domain.add_user("sensitive", "Lab-Passw0rd", sensitive=True)
    for state in ("disabled", "locked", "password-expired"):
        domain.add_user(state, "Lab-Passw0rd", state=state)
    domain.add_user("protected", "Lab-Passw0rd", protected=True)
    return domain


def put(directory: Directory, host: str, delegate_to: Sequence[str] = (), *, any_protocol: bool = False) -> None:
    """Let a host delegate to just these services, and with any protocol or not."""
    account = directory.find(host)
    assert account is not None
    flags = WORKSTATION | (TRUSTED_TO_AUTH if any_protocol else 0)
    edits = [Edit("replace", DELEGATE_TO, tuple(delegate_to)), Edit("replace", USER_ACCOUNT_CONTROL, (str(flags),))]
    directory.modify(account, edits, by="operator")
