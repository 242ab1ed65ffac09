"""A credential is a reference, resolved as late as can be; knows no wire, and shows no secret.

``env:NAME``, ``keyring:SERVICE/USER``, ``file:PATH`` or ``prompt:``; ``signed-on:`` is who is signed on
to this machine, by ticket or by Windows, and has no password. A reference of no known kind is never
repeated in an error: it may be a password somebody typed into the wrong place. A person is asked only
where one can answer: in JupyterLab, not in a scheduled task nor in a notebook that a runner executes.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keyring
import keyring.errors

from snlm_lib.errors import CredentialError

__all__ = ["KINDS", "Credential", "ask_in_notebook", "resolve"]

KINDS = ("env:", "keyring:", "file:", "prompt:")
_SIGNED_ON = "signed-on:"
_HELP = "Write env:NAME, keyring:SERVICE/USER, file:PATH or prompt:"


@dataclass(frozen=True, repr=False)
class Credential:
    """A user and a password; neither repr nor str shows the password.

    ``password`` None: whoever is signed on to this machine, whom ``user`` is only to name.
    """

    user: str
    password: str | None

    def __repr__(self) -> str:
        return f"Credential(user={self.user!r}, password=***)"


def resolve(
    user: str,
    reference: str,
    *,
    environ: Mapping[str, str] = os.environ,
    prompt: Callable[[str], str] | None = None,
) -> Credential:
    """The credential behind ``reference``, for ``user`` (``CORP\\operator``).

    ``prompt`` asks a person: it gets the user's name and returns the password. Raises
    CredentialError when the reference is of no known kind, or what it names is not there.
    """
    kind, colon, rest = reference.partition(":")
    kind = f"{kind}{colon}".lower()
    if kind == _SIGNED_ON:
        return Credential(user, None)
    if kind not in KINDS:
        raise CredentialError(
            "the credential reference is of no known kind",
            where=f"credential of {user}" if user else "credential",
            remedy=_HELP,
        )
    if not user:
        raise CredentialError("no user name is given", where=f"{kind}{rest}", remedy="Name it as DOMAIN\\user")
    return Credential(user, _secret(kind, rest, user=user, environ=environ, prompt=prompt))


def _secret(kind: str, rest: str, *, user: str, environ: Mapping[str, str], prompt: Callable[[str], str] | None) -> str:
    if kind != "prompt:" and not rest.strip():
        raise CredentialError("the credential reference names nothing", where=kind, remedy=_HELP)
    if kind == "env:":
        return _from_environment(rest.strip(), environ)
    if kind == "keyring:":
        return _from_keyring(rest)
    if kind == "file:":
        return _from_file(rest)
    return _from_person(user, prompt)


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    secret = environ.get(name, "")
    if not secret:
        raise CredentialError(
            f"the environment variable {name} is not set or empty",
            where=f"env:{name}",
            remedy="Set it before you start, for this process only",
        )
    return secret


def _from_keyring(rest: str) -> str:
    service, slash, user = rest.partition("/")
    where = f"keyring:{rest}"
    if not (service and slash and user):
        raise CredentialError("a keyring reference needs a service and a user", where=where, remedy=_HELP)
    try:
        secret = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise CredentialError(
            f"the keyring cannot be read ({type(error).__name__})", where=where, remedy="Unlock it, or use env:NAME"
        ) from None
    if not secret:
        raise CredentialError(
            "the keyring holds no such entry", where=where, remedy=f"Store it with: keyring set {service} {user}"
        )
    return secret


def _from_file(path: str) -> str:
    where = f"file:{path}"
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: '~' and no home; ValueError: no text
        raise CredentialError(
            f"the file with the password cannot be read ({type(error).__name__})",
            where=where,
            remedy="Check that it exists and that you may read it",
        ) from None
    lines = text.splitlines()
    if not lines or not lines[0]:
        raise CredentialError("the file with the password is empty", where=where, remedy="Put it on the first line")
    return lines[0]


def _from_person(user: str, prompt: Callable[[str], str] | None) -> str:
    if prompt is None:
        raise _nobody()
    secret = prompt(user)
    if not secret:
        raise CredentialError(f"no password was typed for {user}", where="prompt:", remedy="Run it again")
    return secret


def ask_in_notebook(user: str) -> str:
    """Ask through the notebook's own input line; raises CredentialError where none can be answered.

    A kernel puts its own function in the place of `getpass.getpass`; outside one nobody is asked, for a
    scheduled task would wait for ever.
    """
    if getpass.getpass.__module__ == "getpass":
        raise _nobody()
    try:
        return getpass.getpass(f"Password of {user}: ")
    except (EOFError, NotImplementedError, RuntimeError):  # executed by papermill: there is no input line
        raise _nobody() from None


def _nobody() -> CredentialError:
    return CredentialError(
        "nobody can be asked for a password in this run", where="prompt:", remedy="Use env:, keyring: or file:"
    )
