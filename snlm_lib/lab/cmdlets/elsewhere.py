"""-ComputerName, -Server and -Credential: what a cmdlet needs of another computer is a hop of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.table import Context
from snlm_lib.lab.hop import holds_secret, obstacle, seen_as
from snlm_lib.lab.pipeline import Caller
from snlm_lib.lab.refusals import HOP
from snlm_lib.lab.values import Credential, Terminating
from snlm_lib.lab.world import LabHost

__all__ = ["elsewhere"]

_HERE = ("localhost", ".")
_UNAVAILABLE, _SECURITY = 29, 24
_AD = "Microsoft.ActiveDirectory.Management"
_Going = tuple[Context, Bound]


def elsewhere(context: Context, bound: Bound) -> _Going | None:
    """Where and as whom the cmdlet goes on; None when nobody arrives, which is told."""
    go = _GOING.get(context.signature.module)
    return go(context, bound) if go is not None else (context, bound)


def _without(bound: Bound, *names: str) -> Bound:
    return replace(bound, values={name: value for name, value in bound.values.items() if name not in names})


def _arrived(context: Context, there: LabHost, seen: str) -> Context:
    """A session that holds a secret can go on from there; one that was let in by a credential cannot."""
    protocol = "credssp" if holds_secret(context.caller) else "kerberos"
    return replace(context, host=there, caller=Caller(seen, protocol))


def _to_hyperv(context: Context, bound: Bound) -> _Going | None:
    """``-ComputerName``, one computer only, as ``-Credential`` or as whoever the session shows there."""
    names: list[str] = bound.get("ComputerName", [])
    if len(names) != 1:
        return context, bound
    rest, name, here = _without(bound, "ComputerName", "Credential"), names[0], context.host
    if name.casefold() in _HERE:
        return context, rest
    given: list[Credential] = bound.get("Credential") or []
    credential = given[0] if given else None
    there = context.world.host(name)
    found = obstacle(context.world, context.caller, at=here, to=there, credential=credential)
    if found is not None or there is None:
        rule = next(each for each in HOP if each.identity == found)
        context.error(context.record(rule.say(name), rule.error_id, rule.category, target=name))
        return None
    user = credential.user if credential else None
    return _arrived(
        context, there, seen_as(context.caller, at=here.name, target=there.name, credential=user) or ""
    ), rest


def _to_directory(context: Context, bound: Bound) -> _Going:
    """The domain controller: this computer, or the one that a member server must reach.

    What AD cmdlets say when they make the second hop in vain is not published; this is what they say of a controller
    that does not answer [assumed].
    """
    server = context.world.host(bound.get("Server", "")) if "Server" in bound else _controller(context)
    credential: Credential | None = bound.get("Credential")
    user = credential.user if credential is not None else None
    seen = None
    if server is not None and server.is_controller:
        seen = seen_as(context.caller, at=context.host.name, target=server.name, credential=user)
    if server is None or seen is None:
        raise _refused(context, "ADServerDownException", _DOWN, "ActiveDirectoryServer:0", _UNAVAILABLE)
    if credential is not None and not context.world.accepts_logon(credential.user, credential.password):
        name = "System.Security.Authentication.AuthenticationException"
        raise _refused(
            context, name, "The server has rejected the client credentials.", f"ActiveDirectoryCmdlet:{name}", _SECURITY
        )
    rest = _without(bound, "Server", "Credential")
    return (context, rest) if server is context.host and credential is None else (_arrived(context, server, seen), rest)


_DOWN = (
    "Unable to contact the server. This may be because this server does not exist, it is currently down, or it does "
    "not have the Active Directory Web Services running."
)


def _controller(context: Context) -> LabHost | None:
    """The computer's own controller: itself, or the first of the domain."""
    hosts = (context.host, *context.world.hosts.values())
    return next((host for host in hosts if host.is_controller), None)


def _refused(context: Context, exception: str, text: str, error_id: str, category: int) -> Terminating:
    whole = exception if "." in exception else f"{_AD}.{exception}"
    return Terminating(context.record(text, error_id, category, exception=whole))


_GOING: dict[str, Callable[[Context, Bound], _Going | None]] = {
    "Hyper-V": _to_hyperv,
    "ActiveDirectory": _to_directory,
}
