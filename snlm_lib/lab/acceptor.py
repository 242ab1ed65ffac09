"""Security contexts on the accepting side: one for each scheme, with a guard that asks the accounts. Knows no HTTP."""

from __future__ import annotations

import logging
import struct
from typing import Any

import spnego
from spnego import ContextReq, NegotiateOptions
from spnego._spnego import NegState, NegTokenResp
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import BadBindingsError, SpnegoError

from snlm_lib.lab.accounts import Accounts

__all__ = ["Guarded", "accepted_as", "accepting", "kerberos_refusal", "rejected"]

# pyspnego's own Python, on every system alike; with use_ntlm it offers nothing else, also inside Negotiate.
_OPTIONS = NegotiateOptions.wrapping_winrm | NegotiateOptions.use_negotiate
_NTLM_ONLY = _OPTIONS | NegotiateOptions.use_ntlm
# It would log whole tokens, and warn of every wrong password.
logging.getLogger("spnego").setLevel(logging.CRITICAL)
_AUTHENTICATE = b"NTLMSSP\0\x03\0\0\0"
_UNICODE = 1
_BAD_BINDINGS = 4 << 16  # GSS_S_BAD_BINDINGS
_SPNEGO = bytes.fromhex("06062b0601050502")  # 1.3.6.1.5.5.2


class Guarded:
    """A context that lets nobody in whom the accounts refuse, and has wrong passwords counted.

    Has what pyspnego's CredSSP asks of the context inside it, so it can stand there too.
    """

    def __init__(self, inner: Any, accounts: Accounts) -> None:
        self.inner = inner
        self._accounts = accounts
        self.name: str | None = None

    def step(self, token: bytes | None = None) -> bytes | None:
        """Raises SpnegoError with an NTSTATUS as its code for an account that may not sign on, and
        whatever pyspnego raises for the rest."""
        claimed = _ntlm_name(token or b"")
        account = self._accounts.named(claimed or "")
        if claimed is not None:
            self._ask(account)
        try:
            answer: bytes | None = self.inner.step(token)
        except BadBindingsError:
            raise  # the password was not even looked at
        # pyspnego raises far more than its own errors; with an NTLM answer in hand all mean the password.
        except Exception as error:
            if claimed is None:
                raise
            raise SpnegoError(self._accounts.wrong(account)) from error
        if self.inner.complete:
            self.name = self._ask(self._accounts.named(self.inner.client_principal or ""))
            self._accounts.right(self.name)
        return answer

    def _ask(self, account: str | None) -> str:
        status = self._accounts.refusal(account)
        if status or account is None:
            raise SpnegoError(status)
        return account

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def accepting(
    scheme: str, token: bytes, accounts: Accounts, *, end_point: bytes | None, only_ntlm: bool = False
) -> tuple[Any, Guarded]:
    """The context for the first token under ``scheme`` (negotiate, kerberos, credssp), and the guard in it.

    ``end_point``: the channel binding of the TLS connection. CredSSP binds to its own inner TLS instead.
    """
    if scheme == "credssp":
        guard = Guarded(_context("negotiate", None, _OPTIONS), accounts)
        return spnego.server(protocol="credssp", credssp_negotiate_context=guard), guard
    # A raw NTLM token under Negotiate is what a client of "ntlm" sends; anything else is SPNEGO.
    raw = scheme == "negotiate" and token.startswith(b"NTLMSSP\0")
    options = NegotiateOptions.wrapping_winrm if scheme == "kerberos" else _NTLM_ONLY if raw or only_ntlm else _OPTIONS
    guard = Guarded(_context("ntlm" if raw else scheme, end_point, options), accounts)
    return guard, guard


def _context(protocol: str, end_point: bytes | None, options: NegotiateOptions) -> Any:
    bindings = GssChannelBindings(application_data=end_point) if end_point else None
    return spnego.server(protocol=protocol, options=options, context_req=ContextReq.default, channel_bindings=bindings)


def kerberos_refusal(context: Any) -> bytes | None:
    """The KRB-ERROR that libkrb5 made while refusing, if it did; python-gssapi keeps it for later.

    None for a wrong channel binding: libkrb5 would say "generic error", and Windows answers that with a bare 401.
    """
    error = getattr(_gss(context), "_last_err", None)
    token: bytes | None = getattr(error, "token", None)
    return None if getattr(error, "maj_code", 0) == _BAD_BINDINGS else token


def accepted_as(context: Any) -> str:
    """The computer a ticket was made for, its short name: of host/hv01.corp.example@REALM, or of HV01$@REALM, which
    an Active Directory makes of it. Empty: no Kerberos."""
    principal = str(getattr(_gss(context), "target_name", None) or "").rstrip("\0")
    return principal.partition("@")[0].rpartition("/")[2].partition(".")[0].rstrip("$")


def _gss(context: Any) -> Any:
    """python-gssapi's own context below pyspnego's, which shows neither its error nor its name."""
    found = context.inner if isinstance(context, Guarded) else context
    for _ in range(3):
        if not type(found).__module__.startswith("spnego."):
            return found
        try:
            found = found._context
        except (AttributeError, LookupError, StopIteration):
            return None
    return found


def rejected(asked: bytes, error: bytes) -> bytes:
    """A KRB-ERROR in answer to the token ``asked``: inside SPNEGO where that was."""
    if _SPNEGO not in asked[:24]:
        return error
    token: bytes = NegTokenResp(neg_state=NegState.reject, response_token=error).pack()
    return token


def _ntlm_name(token: bytes) -> str | None:
    """The account that an NTLM AUTHENTICATE message claims (MS-NLMP 2.2.1.3), inside SPNEGO or not.

    None: there is no such message in the token.
    """
    at = token.find(_AUTHENTICATE)
    if at < 0:
        return None
    message = token[at:]
    try:
        (flags,) = struct.unpack_from("<I", message, 60)
        domain, user = (_field(message, place, flags) for place in (28, 36))
    except (struct.error, UnicodeDecodeError):
        return ""
    return f"{domain}\\{user}" if domain else user


def _field(message: bytes, place: int, flags: int) -> str:
    size, _, offset = struct.unpack_from("<HHI", message, place)
    return message[offset : offset + size].decode("utf-16-le" if flags & _UNICODE else "ascii")
