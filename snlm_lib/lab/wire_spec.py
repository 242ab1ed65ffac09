"""What a scenario may say of how its hosts are spoken to and who may sign on. Opens no socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snlm_lib.errors import LabError
from snlm_lib.lab.strict import decode

__all__ = ["ADMINISTRATORS", "CERTIFICATES", "WAYS", "WireSpec", "own_wire", "refuse_wire"]

ADMINISTRATORS = "Microsoft.PowerShell"  # the session configuration that every host has
WAYS = ("negotiate", "ntlm", "kerberos", "credssp", "basic", "certificate")
CERTIFICATES = ("valid", "expired", "early", "other-name", "other-authority")
_UNDER_TLS = ("basic", "certificate")


@dataclass(frozen=True)
class WireSpec:
    """How hosts are spoken to: http with sealed bodies, or https with a certificate of the lab's own.

    ``auth``: how the descriptor tells a client to sign on; ``offers``: what the listener takes, empty: just that;
    ``certificate``: of CERTIFICATES; ``page``: a web server answers there instead; ``configuration``: the session
    configuration that a client is told to use.
    """

    scheme: str = "http"
    auth: str = "ntlm"
    offers: list[str] = field(default_factory=list)
    certificate: str = "valid"
    page: bool = False
    configuration: str = ADMINISTRATORS

    @property
    def ways(self) -> tuple[str, ...]:
        """What the listener takes."""
        return tuple(self.offers) or (self.auth,)


def refuse_wire(wire: WireSpec, where: str) -> None:
    """Raise LabError for what nobody could speak."""
    wrong = [way for way in (wire.auth, *wire.offers) if way not in WAYS]
    if wire.scheme not in ("http", "https") or wrong:
        raise LabError(
            f"nobody speaks {wire.scheme} with {', '.join(wrong) or wire.auth} here",
            where=where,
            remedy=f"Say scheme http or https, auth and offers of {', '.join(WAYS)}.",
        )
    for way in _UNDER_TLS:
        if wire.scheme == "http" and way in wire.ways:
            what = "would send the password in clear" if way == "basic" else "is shown inside TLS, never"
            raise LabError(f"{way} {what} over plain HTTP", where=where, remedy="Say scheme: https.")
    if wire.certificate not in CERTIFICATES:
        raise LabError(
            f"'{wire.certificate}' is no kind of certificate", where=where, remedy=f"Say {', '.join(CERTIFICATES)}."
        )


def own_wire(shared: WireSpec, own: Mapping[str, object], where: str) -> WireSpec:
    """The lab's wire with what differs on one host. Raises LabError that names ``where`` and the key."""
    found = decode(WireSpec, {**vars(shared), **own}, where)
    refuse_wire(found, where)
    return found
