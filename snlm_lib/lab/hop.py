"""The second hop: as whom a cmdlet's caller appears on another machine. Looks only; knows no cmdlet and no wire.

A network sign-on (NTLM, Kerberos, Basic, certificate) leaves no secret behind, and Kerberos delegation gives WinRM
no second hop, so nobody arrives (hyperv.md, section 3). A secret is there with CredSSP, at the console, when the
endpoint runs as a named account, and when the cmdlet itself is given a credential. A virtual account appears as the
computer [M]. A cmdlet that needs only the machine it runs on makes no hop: AD cmdlets do on a domain controller, and
do not on a member management host; Move-VM on a jump host hops to the source and to the destination.
"""

from __future__ import annotations

from snlm_lib.lab.pipeline import VIRTUAL_ACCOUNT, Caller
from snlm_lib.lab.values import Credential
from snlm_lib.lab.world import LabHost, World

__all__ = ["credssp_refused", "holds_secret", "obstacle", "seen_as"]

_CARRY_THE_SECRET = frozenset({"credssp", "console"})


def holds_secret(caller: Caller) -> bool:
    """Can the session prove by itself, to a third machine, who it is?

    A sign-on by CredSSP hands over a password that was supplied: Credential Guard, which forbids saved ones, lets it.
    """
    if caller.run_as:
        return caller.run_as != VIRTUAL_ACCOUNT
    return caller.protocol.partition("+")[0] in _CARRY_THE_SECRET  # "credssp+ntlm": what chose inside does not matter


def seen_as(caller: Caller, *, at: str, target: str, credential: str | None = None) -> str | None:
    """The account that computer ``target`` sees when a cmdlet runs at computer ``at``; None: nobody arrives.

    ``credential``: the user of the credential the cmdlet was given.
    """
    if credential is not None:
        return credential
    if at.casefold() == target.casefold():
        return caller.account
    if caller.run_as == VIRTUAL_ACCOUNT:
        return f"{caller.user.partition(chr(92))[0]}\\{at}$"
    return caller.account if holds_secret(caller) else None


def obstacle(
    world: World, caller: Caller, *, at: LabHost, to: LabHost | None, credential: Credential | None
) -> str | None:
    """What keeps a cmdlet at ``at`` from managing Hyper-V at ``to``, as the refusal's identity; None: nothing."""
    if to is None or not to.hyperv:
        return "destination-unreachable"
    given = credential.user if credential is not None else None
    seen = seen_as(caller, at=at.name, target=to.name, credential=given)
    if seen is None or (at.no_hop and to is not at):
        return "remote-second-hop-denied"
    if credential is not None and not world.accepts_logon(credential.user, credential.password):
        return "wrong-credential"
    return None if to is at or to.may_manage(seen) else "operator-not-authorised"


def credssp_refused(caller: Caller, *, credential_guard: bool) -> str | None:
    """Why CredSSP as the *migration type* fails, as the row of the known failures; None: it does not.

    The source delegates what the session saved. Credential Guard on the source forbids that whoever asks
    ("supplied credentials only"); without it the session must hold a secret. Microsoft also names a remote
    PowerShell session as sufficient, which contradicts the former; the lab takes the stricter [assumed].
    """
    if credential_guard:
        return "credential-guard-blocks-credssp"
    return None if holds_secret(caller) else "no-delegation"
