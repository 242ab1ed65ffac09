"""What went wrong with a certificate, in a sentence; knows no WS-Management.

Matched by OpenSSL's number, not by its text. A refused handshake means that nothing was sent: neither a
command nor a password.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from snlm_lib.errors import AuthenticationRefused, HostUnreachable

__all__ = ["check_authority", "check_certificate", "is_tls", "tls_refused"]

_NAME, _ADDRESS = 62, 64
_EARLY, _EXPIRED = 9, 10
_UNTRUSTED = (18, 19, 20, 21)  # self-signed, an unknown root, no issuer, cannot be verified
_NOTHING = "Nothing was sent"
_ENDED = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
# OpenSSL's names for the alerts of RFC 8446 6.2 with which a host turns a client's certificate down.
_OURS = {
    *("TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE"),
    *("SSLV3_ALERT_CERTIFICATE_REVOKED", "SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_CERTIFICATE_UNKNOWN"),
    *("TLSV13_ALERT_CERTIFICATE_REQUIRED", "TLSV1_ALERT_DECRYPT_ERROR"),
}


def is_tls(error: OSError) -> bool:
    """Did the handshake fail? A connection that only ended is none: it may have ended after a message was read."""
    found = [each for each in _chain(error) if isinstance(each, ssl.SSLError)]
    return bool(found) and not any(isinstance(each, _ENDED) for each in found)


def check_authority(path: str | None, *, host: str) -> None:
    """The file of trusted authorities can be read and holds certificates; raises HostUnreachable."""
    if path is None:
        return
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        what = "is not there" if isinstance(error, FileNotFoundError) else "holds no certificate that can be read"
        raise HostUnreachable(
            f"the file of the authority that signed its certificate {what}: {Path(path)}",
            host=host,
            remedy="Correct 'ca' in the connection profile: a PEM file with the authority's certificate",
        ) from None


def check_certificate(path: str | None, key: str | None, *, host: str) -> None:
    """The certificate we sign on with and its key can be read and belong together; raises AuthenticationRefused.

    Looked at before the connection: OpenSSL would ask the terminal for the password of an encrypted key.
    """
    if path is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(path, key or path, password="")
    except (OSError, ValueError) as error:
        what = "is not there" if isinstance(error, FileNotFoundError) else "and its key cannot be used"
        raise AuthenticationRefused(
            f"the certificate to sign on with {what}: {Path(path)}",
            host=host,
            remedy="Give 'certificate' and 'certificate_key' PEM files that belong together, the key unencrypted",
        ) from None


def tls_refused(error: OSError, *, host: str, endpoint: str) -> HostUnreachable:
    """The sentence for a TLS connection that did not come about."""
    code = next((each.verify_code for each in _chain(error) if isinstance(each, ssl.SSLCertVerificationError)), None)
    if code is None and any(getattr(each, "reason", None) in _OURS for each in _chain(error)):
        return HostUnreachable(
            f"{endpoint} does not accept this machine's certificate",
            host=host,
            remedy=f"{_NOTHING}. Use one by an authority that the host trusts, and that has not expired",
        )
    what, remedy = _said(code, endpoint)
    return HostUnreachable(what, host=host, remedy=f"{_NOTHING}. {remedy}")


def _said(code: int | None, endpoint: str) -> tuple[str, str]:
    if code in (_NAME, _ADDRESS):
        return (
            f"the certificate at {endpoint} does not bear that name",
            "Reach the host by a name that its certificate bears",
        )
    if code == _EXPIRED:
        return f"the certificate at {endpoint} has expired", "Have it renewed on the host, or set this machine's clock"
    if code == _EARLY:
        return f"the certificate at {endpoint} is not valid yet", "Compare the clocks of this machine and the host"
    if code in _UNTRUSTED:
        return (
            f"the certificate at {endpoint} is signed by an authority that is not trusted here",
            "Name the file of that authority as 'ca' in the connection profile, if it is the right one",
        )
    if code is not None:
        return f"the certificate at {endpoint} is not accepted (OpenSSL {code})", "Have the host's certificate checked"
    return f"no TLS connection with {endpoint}", "Check port and scheme: is HTTPS spoken there?"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it was made of: requests and urllib3 wrap each other's in several ways."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [getattr(each, "reason", None), each.__cause__, each.__context__, *each.args]
