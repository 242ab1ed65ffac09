"""The page parameters/connections/README.md, made from the schema so that it cannot disagree with it."""

from __future__ import annotations

from typing import Any, get_args

from snlm_lib.closed import Closed
from snlm_lib.connections import Auth, ConnectionProfile, GuestTarget, HostAddress

__all__ = ["EXCHANGES", "WAYS", "connections_markdown"]

# Each way to sign on: over what, what it needs, what it means for the second hop.
WAYS = {
    "kerberos": ("http, https", "host by name; a password, or who is signed on to this machine"),
    "negotiate": (
        "https",
        "Kerberos where it can be had; NTLM instead is refused before the first command, unless `allow_ntlm`",
    ),
    "credssp": (
        "http, https",
        "a password, which is handed to the host: whoever owns the host owns it. Kerberos inside, unless `allow_ntlm`;"
        " not with `allow_ntlm` over http. Must be enabled on the host",
    ),
    "certificate": ("https", "`certificate`, mapped to an account on the host"),
    "basic": ("https", "a password, which the host sees. Must be enabled on the host"),
    "ntlm": ("https", "a password. Proves nothing about the host: that is the certificate's part"),
}
# Each exchange over TCP: what is sent, and what must come back.
EXCHANGES = {
    "none": "nothing: the connection alone. A kernel accepts for a service that is dead, so this proves little",
    "banner": "nothing is sent; the service speaks first (SSH, SMTP, FTP)",
    "echo": "a line, which comes back as it is (port 7, or the lab's guest)",
    "http": "`HEAD /` on a connection kept open; any line of an answer counts, whatever its code",
    "rdp": "an X.224 connection request, as Remote Desktop begins; the confirmation comes back, nobody signs on",
}
_LAB_ONLY = ("name", "rehearsal", "truth_dir", "krb5_conf", "scenario", "time_factor")

_HEAD = """\
# Connections

Made by `make docs` from `snlm_lib/connections.py`; a test compares them. How real hosts are reached: one file a
connection, named by `connection:` in a change. `example.yaml` shows all of it and reaches nobody. Keep yours
outside the clone if you like: `SNLM_CONNECTIONS` names the folder. None was ever tried on real hosts
(docs/verified.md); docs/first-run.md says in which order to go.

    hosts:
      HV01: {address: hv01.corp.example, scheme: https, port: 5986, auth: negotiate, ca: ca.pem}
      HV02: {address: hv02.corp.example}        # default: Kerberos, port 5985
      DC01: {address: dc01.corp.example}
    directory: DC01
    user: CORP\\operator
    secret: env:SNLM_PASSWORD                   # a reference, never the password
    guests:
      VM01: {address: vm01.corp.example, icmp: true, connect_port: 3389, connect_exchange: rdp, ips: [10.20.0.51]}
    controls:
      FILE01: {address: file01.corp.example, icmp: true}   # same segment, stays where it is

`secret` is `env:NAME`, `keyring:SERVICE/USER`, `file:PATH`, or `prompt:`, which asks in JupyterLab and is refused
where nobody can answer. `signed-on:`, who is signed on to this machine, has no password for the second hop: it may
be `directory_secret`, and `secret` only where every host has an endpoint with `runs_as`. Only Kerberos, or HTTPS
with a verified certificate, is spoken to a real host.
`ca`, `certificate` and `certificate_key` are looked for beside the profile. Away from Windows, Kerberos takes
`user` as `operator@CORP.EXAMPLE`; `CORP\\operator` is understood where the host is called NAME.corp.something.
"""


def connections_markdown() -> str:
    """The text of the page."""
    return "\n".join(
        [
            _HEAD,
            *_table("key", ConnectionProfile),
            "",
            "A host:",
            "",
            *_table("key of a host", HostAddress),
            "",
            "| `auth` | over | needs |",
            "|---|---|---|",
            *(f"| `{way}` | {WAYS[way][0]} | {WAYS[way][1]} |" for way in get_args(Auth)),
            "",
            "A guest or a control. Figures are told in the order ICMP, UDP, new TCP connection, long TCP connection:",
            "",
            *_table("key of a guest or control", GuestTarget),
            "",
            "| exchange | what is sent, and what must come back |",
            "|---|---|",
            *(f"| `{name}` | {words} |" for name, words in EXCHANGES.items()),
            "",
        ]
    )


def _table(title: str, model: type[Closed]) -> list[str]:
    fields = {name: field for name, field in model.model_fields.items() if name not in _LAB_ONLY}
    rows = [f"| `{name}` | {_default(field)} | {field.description} |" for name, field in fields.items()]
    return [f"| {title} | default | meaning |", "|---|---|---|", *rows]


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    return "none" if field.default is None or field.default_factory is not None else f"`{field.default}`"
