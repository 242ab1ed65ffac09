"""Why signing on did not work, in a sentence: tables of numbers, read from whatever a security library raised.

Knows no connection and parses no text. Numbers: krb5's protocol errors (RFC 4120 7.5.9) and libkrb5's own, which
MIT counts from ERROR_TABLE_BASE; the major status of GSS-API (RFC 2744 3.9.1) where there is no minor one; Windows'
SEC_E_* and NTSTATUS (winerror.h, MS-ERREF), which SSPI raises and a CredSSP host sends. SSPI was never run here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from snlm_lib.errors import AuthenticationRefused, HostUnreachable, RemoteError
from snlm_lib.remote.line import FellBack, NotWsman, Seen

__all__ = ["Attempt", "Why", "not_wsman", "numbers", "refused", "why"]


@dataclass(frozen=True)
class Why:
    """What is wrong and what to do, both as part of a sentence."""

    what: str
    remedy: str


@dataclass(frozen=True)
class Attempt:
    """How we tried to sign on, and what the listener showed."""

    host: str
    endpoint: str
    auth: str
    seen: Seen


_PASSWORD = Why(
    "the password is wrong", "Correct what the reference 'secret' leads to; each try counts towards a lock-out"
)
_LOGON = Why(
    "user name or password is wrong", "Check 'user' and what 'secret' leads to; each try counts towards a lock-out"
)
_USER = Why(
    "the domain knows no such user",
    "Check 'user'; away from Windows, Kerberos wants it as name@REALM with the realm in capitals",
)
_REVOKED = Why("the account is disabled or locked", "Have it enabled or unlocked in the directory, then try again")
_DISABLED = Why("the account is disabled", "Have it enabled in the directory, or use another")
_LOCKED = Why("the account is locked", "Have it unlocked, or wait until the lock-out ends, and find what tried wrongly")
_ACCOUNT_EXPIRED = Why("the account has expired", "Have its end date moved in the directory, or use another")
_KEY_EXPIRED = Why("the password has expired", "Change it first: no host lets this user in before that")
_MAY_NOT = Why(
    "a policy forbids this account to sign on here or now", "Check its logon hours, its computers and the host's rights"
)
_SKEW = Why(
    "the clocks of this machine, the host and the domain controller differ by more than five minutes",
    "Set them right (w32tm /query /status on each)",
)
_EARLY = Why("the ticket is not valid yet, so clocks differ", _SKEW.remedy)
_EXPIRED = Why("the Kerberos ticket has expired", "Sign on to this machine again, or get a new ticket (kinit)")
_NO_TICKET = Why(
    "there is no Kerberos ticket on this machine",
    "Sign on to the domain, get a ticket (kinit), or give the profile a user and a secret",
)
_NO_SPN = Why(
    "the domain has no service principal name for this host",
    "Name the host as its computer account does (full DNS name, or 'kerberos_name'), and check setspn -L there",
)
_WRONG_KEY = Why(
    "the host cannot read the ticket: its service principal name belongs to another account, or it left the domain",
    "Look for the name twice (setspn -X), and test the host's trust (Test-ComputerSecureChannel)",
)
_NO_KDC = Why("no domain controller answers for Kerberos", "Check DNS and the network to a domain controller, port 88")
_NO_REALM = Why(
    "no domain controller is known for the user's realm", "Check the realm's spelling and this machine's DNS"
)
_CIPHER = Why(
    "host, domain and this machine share no Kerberos cipher", "Compare their encryption types; RC4 may be off"
)
_BINDING = Why(
    "the host refuses the channel binding: what this machine sees is not the host's own certificate",
    "Look for a proxy that opens TLS on the way, and reach the host directly",
)
_NO_REASON = Why("the host does not accept the ticket and gives no reason", f"{_WRONG_KEY.remedy}. {_SKEW.remedy}")
_FIREWALL = Why("the host's domain does not let this user sign on there", "Check selective authentication of the trust")

_KRB5_BASE = -1765328384  # ERROR_TABLE_BASE_krb5
_KRB5 = {
    1: _ACCOUNT_EXPIRED,
    6: _USER,
    7: _NO_SPN,
    12: _MAY_NOT,
    14: _CIPHER,
    18: _REVOKED,
    23: _KEY_EXPIRED,
    24: _PASSWORD,
    31: _PASSWORD,  # a domain without preauthentication: the answer does not open with this password
    32: _EXPIRED,
    33: _EARLY,
    35: _WRONG_KEY,
    37: _SKEW,
    41: _WRONG_KEY,
    60: _NO_REASON,
    141: _NO_TICKET,  # KRB5_CC_NOTFOUND
    154: _NO_REALM,  # KRB5_REALM_UNKNOWN
    156: _NO_KDC,  # KRB5_KDC_UNREACH
    195: _NO_TICKET,  # KRB5_FCC_NOFILE
    220: _NO_KDC,  # KRB5_REALM_CANT_RESOLVE
}
_MAJOR = {4 << 16: _BINDING, 7 << 16: _NO_TICKET, 11 << 16: _EXPIRED}
_WINDOWS = {
    0x80090303: _NO_SPN,  # SEC_E_TARGET_UNKNOWN
    0x8009030C: _LOGON,  # SEC_E_LOGON_DENIED
    0x8009030E: _NO_TICKET,  # SEC_E_NO_CREDENTIALS
    0x80090311: _NO_KDC,  # SEC_E_NO_AUTHENTICATING_AUTHORITY
    0x80090322: _WRONG_KEY,  # SEC_E_WRONG_PRINCIPAL
    0x80090324: _SKEW,  # SEC_E_TIME_SKEW
    0x80090346: _BINDING,  # SEC_E_BAD_BINDINGS
    0xC000005E: _NO_KDC,  # STATUS_NO_LOGON_SERVERS
    0xC0000064: _USER,  # STATUS_NO_SUCH_USER
    0xC000006A: _PASSWORD,  # STATUS_WRONG_PASSWORD
    0xC000006D: _LOGON,  # STATUS_LOGON_FAILURE
    0xC000006E: _MAY_NOT,  # STATUS_ACCOUNT_RESTRICTION
    0xC000006F: _MAY_NOT,  # STATUS_INVALID_LOGON_HOURS
    0xC0000070: _MAY_NOT,  # STATUS_INVALID_WORKSTATION
    0xC0000071: _KEY_EXPIRED,  # STATUS_PASSWORD_EXPIRED
    0xC0000072: _DISABLED,  # STATUS_ACCOUNT_DISABLED
    0xC0000133: _SKEW,  # STATUS_TIME_DIFFERENCE_AT_DC
    0xC000015B: _MAY_NOT,  # STATUS_LOGON_TYPE_NOT_GRANTED
    0xC0000193: _ACCOUNT_EXPIRED,  # STATUS_ACCOUNT_EXPIRED
    0xC0000224: _KEY_EXPIRED,  # STATUS_PASSWORD_MUST_CHANGE
    0xC0000234: _LOCKED,  # STATUS_ACCOUNT_LOCKED_OUT
    0xC000035B: _BINDING,  # STATUS_BAD_BINDINGS
    0xC0000413: _FIREWALL,  # STATUS_AUTHENTICATION_FIREWALL_FAILED
}

# What each way needs to find among a listener's schemes.
_MUTUAL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
_NEEDS = {
    "negotiate": ("negotiate", "kerberos", "ntlm"),
    "ntlm": ("negotiate", "ntlm"),
    "kerberos": ("kerberos", "negotiate"),
    "credssp": ("credssp",),
    "basic": ("basic",),
    "certificate": (_MUTUAL,),
}
_SHOWN = {"ntlm": "NTLM", "credssp": "CredSSP", _MUTUAL: "Certificate"}
_MISSING = {
    "kerberos": "Install snlm with its extra 'kerberos' (gssapi, krb5)",
    "negotiate": "Install snlm with its extra 'kerberos' (gssapi, krb5)",
    "credssp": "Install requests-credssp",
}
# What a bare 401 means: no number, for HTTP.sys gives none.
_BARE = {
    "kerberos": _NO_REASON,
    "certificate": Why(
        "the host lets nobody in by this certificate",
        "Map it to an account there (winrm/config/service/certmapping), issuer and subject as they are",
    ),
}
_CREDENTIAL = Why(
    "the host does not accept the credential: the password is wrong, or the account is unknown, locked, disabled or"
    " expired, which it does not tell apart",
    "Check 'user', what 'secret' leads to and the account, and event 4625 on the host, which has the reason",
)
_THROUGH_TLS = "a proxy that opens TLS on the way would be refused like this too"


def numbers(error: BaseException) -> Iterator[tuple[str, int]]:
    """The numbers in an error and in all that it was made of: kind (krb5, gss, windows) and value, outermost first."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        for name in ("err_code", "min_code", "maj_code", "winerror"):
            value = getattr(each, name, None)
            if isinstance(value, int) and value:
                yield _KINDS[name], value
        waiting += [getattr(each, "base_error", None), each.__cause__, each.__context__]


_KINDS = {"err_code": "krb5", "min_code": "krb5", "maj_code": "gss", "winerror": "windows"}


def why(error: BaseException) -> Why | None:
    """What the error's first known number means; None: it bears none that we know."""
    for kind, value in numbers(error):
        if kind == "krb5":
            found = _KRB5.get(_signed(value) - _KRB5_BASE)
        elif kind == "gss":
            found = _MAJOR.get(value)
        else:
            found = _WINDOWS.get(value & 0xFFFFFFFF)
        if found is not None:
            return found
    return None


def refused(attempt: Attempt, error: BaseException) -> RemoteError:
    """The sentence for a sign-on that failed: by what the listener offers, then by number, then by kind of error."""
    if isinstance(error, NotWsman):
        return not_wsman(attempt, str(error))
    if isinstance(error, FellBack):
        cause = "Check its name, its service principal names and the clocks"
        what = "the host took NTLM" if error.took_ntlm else "it is not certain that Kerberos signed us on,"
        return AuthenticationRefused(
            f"{what} although {attempt.auth} was asked for; no command was sent",
            host=attempt.host,
            remedy=f"{cause if error.had_kerberos else _MISSING['kerberos']}, or say allow_ntlm: true",
        )
    told = _not_offered(attempt) or why(error) or _by_kind(attempt, error)
    return AuthenticationRefused(told.what, host=attempt.host, remedy=told.remedy)


def not_wsman(attempt: Attempt, what: str) -> HostUnreachable:
    """What answers is no WS-Management service."""
    return HostUnreachable(
        f"what answers at {attempt.endpoint} is not a WS-Management service for us ({what})",
        host=attempt.host,
        remedy="Check port, scheme and authentication of the connection",
    )


def _not_offered(attempt: Attempt) -> Why | None:
    offered = attempt.seen.offered
    if not offered or any(scheme in offered for scheme in _NEEDS[attempt.auth]):
        return None
    listed = ", ".join(_SHOWN.get(scheme, scheme.capitalize()) for scheme in offered)
    return Why(
        f"the listener at {attempt.endpoint} does not offer {attempt.auth}, only {listed}",
        "Choose one of these as 'auth' in the connection profile, or have it enabled on the host"
        " (winrm get winrm/config/service/auth)",
    )


def _by_kind(attempt: Attempt, error: BaseException) -> Why:
    if isinstance(error, ImportError):
        remedy = _MISSING.get(attempt.auth, "Install it")
        return Why(f"this Python lacks the library for {attempt.auth}", f"{remedy}, or choose another authentication")
    if type(error).__name__ != "AuthenticationError":  # pypsrp's word for 401
        return Why(f"signing on with {attempt.auth} failed ({type(error).__name__})", _CREDENTIAL.remedy)
    told = _BARE.get(attempt.auth, _CREDENTIAL)
    bound = attempt.endpoint.startswith("https:") and attempt.auth in ("ntlm", "negotiate", "kerberos")
    return Why(told.what, f"{told.remedy}; {_THROUGH_TLS}") if bound else told


def _signed(value: int) -> int:
    """GSS-API gives libkrb5's numbers without sign."""
    return value - (1 << 32) if value >= 1 << 31 else value
