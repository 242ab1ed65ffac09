"""What a host needs to accept Kerberos, and how it says no: KRB-ERROR in GSS framing (RFC 4120 5.9.1, RFC 4121 4.1).

Knows no HTTP and no account. A client's library reads the number out of the token; over HTTP it is the only
thing that tells a wrong clock from a wrong key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from snlm_lib.clock import Clock

__all__ = ["MODIFIED", "SKEW", "SKEW_LIMIT_S", "Kerberos", "error_token"]

SKEW = 37  # KRB_AP_ERR_SKEW
MODIFIED = 41  # KRB_AP_ERR_MODIFIED: sealed for another account's key
SKEW_LIMIT_S = 300.0
_OID = bytes.fromhex("06092a864886f712010202")  # 1.2.840.113554.1.2.2
_KRB_ERROR = b"\x03\x00"


@dataclass(frozen=True)
class Kerberos:
    """The hosts' realm, and the files libkrb5 reads: its configuration and the hosts' keys."""

    realm: str
    config: Path
    keytab: Path

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Named for this process. libkrb5 1.20 looks at the variables each time, not only when it is loaded.

        Without a cache of replays: it would be a file of this machine, outside the lab.
        """
        wanted = {
            "KRB5_CONFIG": str(self.config),
            "KRB5_KTNAME": f"FILE:{self.keytab}",
            "KRB5RCACHENAME": "none:",
        }
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)
        try:
            yield
        finally:
            for name, value in before.items():
                if os.environ.get(name) != wanted[name]:
                    continue  # somebody set another since
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def error_token(code: int, *, realm: str, host: str, clock: Clock) -> bytes:
    """A KRB-ERROR with ``code`` from ``host``, framed for GSS-API."""
    now = clock.utc_now()
    name = _sequence(_tagged(0, _integer(3)), _tagged(1, _sequence(_text("host"), _text(host))))
    body = _sequence(
        _tagged(0, _integer(5)),
        _tagged(1, _integer(30)),
        _tagged(4, _der(0x18, now.strftime("%Y%m%d%H%M%SZ").encode("ascii"))),
        _tagged(5, _integer(now.microsecond)),
        _tagged(6, _integer(code)),
        _tagged(9, _text(realm)),
        _tagged(10, name),
    )
    return _der(0x60, _OID + _KRB_ERROR + _der(0x7E, body))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _tagged(number: int, content: bytes) -> bytes:
    return _der(0xA0 | number, content)


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _text(value: str) -> bytes:
    return _der(0x1B, value.encode("ascii"))
