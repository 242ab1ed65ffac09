"""Asks a KDC for a ticket as a host would, one JSON line each way: ``python -m snlm_lib.lab.samba_tickets``.

A process of its own, since the Kerberos library reads its configuration from the environment. Question:
``realm``, ``keytab``, ``source`` (host), ``targets`` (service names, the first issued will do), ``user``, and
``password`` when the user comes with a ticket of his own. Answer: ``why``, empty when a ticket was issued.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from typing import Any

import gssapi
from gssapi.raw import acquire_cred_with_password

__all__ = ["main", "why_not_issued"]

_PRINCIPAL = gssapi.NameType.kerberos_principal
_KERBEROS = gssapi.MechType.kerberos
_caches = itertools.count()  # each question its own cache: one that is used again holds the tickets of before


def why_not_issued(question: dict[str, Any]) -> str:
    """The KDC's refusal in words; empty when a ticket to one of the targets was issued."""
    realm = question["realm"]
    try:
        evidence = _evidence(question)
    except gssapi.exceptions.GSSError as error:
        return _words(error)
    refused = "no target"
    for target in question["targets"]:
        name = gssapi.Name(f"{target}@{realm}", _PRINCIPAL)
        try:
            gssapi.SecurityContext(name=name, creds=evidence, usage="initiate", mech=_KERBEROS).step()
        except gssapi.exceptions.GSSError as error:
            refused = _words(error)
        else:
            return ""
    return refused


def _evidence(question: dict[str, Any]) -> gssapi.Credentials:
    """What the host acts with: a ticket it made in the user's name (S4U2Self), or the one the user brought."""
    realm, source = question["realm"], question["source"]
    keytab, cache = f"FILE:{question['keytab']}", f"MEMORY:host-{next(_caches)}"
    host = gssapi.Credentials(
        name=gssapi.Name(f"{source}$@{realm}", _PRINCIPAL),
        usage="both",
        store={"client_keytab": keytab, "keytab": keytab, "ccache": cache},
    )
    user = gssapi.Name(f"{question['user']}@{realm}", _PRINCIPAL)
    if "password" not in question:
        return host.impersonate(user)
    own = acquire_cred_with_password(user, question["password"].encode(), mechs=[_KERBEROS], usage="initiate")
    service = gssapi.Name(f"host/{source}@{realm}", _PRINCIPAL)
    comes = gssapi.SecurityContext(name=service, creds=gssapi.Credentials(own.creds), usage="initiate", mech=_KERBEROS)
    meets = gssapi.SecurityContext(creds=host, usage="accept")
    meets.step(comes.step())
    return meets.delegated_creds


def _words(error: gssapi.exceptions.GSSError) -> str:
    """The library's own text, the mechanism's part first."""
    texts = [*error.get_all_statuses(error.min_code, False), str(error.min_code)]
    return "; ".join(dict.fromkeys(texts))


def _questions() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    for question in _questions():
        print(json.dumps({"why": why_not_issued(question)}), flush=True)


if __name__ == "__main__":
    main()
