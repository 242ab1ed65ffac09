"""References and what they resolve to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest

from snlm_lib.errors import CredentialError
from snlm_lib.remote.credentials import Credential, ask_in_notebook, resolve

USER = "CORP\\operator"


class Ring(keyring.backend.KeyringBackend):
    """A keyring in memory, which can be locked."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring leaves it untyped
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@pytest.fixture
def ring() -> Iterator[Ring]:
    before = keyring.get_keyring()
    mine = Ring()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


def refusal(reference: str, **options: object) -> str:
    with pytest.raises(CredentialError) as caught:
        resolve(USER, reference, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_neither_repr_nor_str_shows_the_password() -> None:
    credential = Credential(USER, "geheim")
    assert "geheim" not in f"{credential} {credential!r}"
    assert "operator" in repr(credential)


def test_env() -> None:
    assert resolve(USER, "env:PW", environ={"PW": "geheim"}) == Credential(USER, "geheim")
    assert "PW is not set or empty" in refusal("env:PW", environ={})
    assert "PW is not set or empty" in refusal("env:PW", environ={"PW": ""})


def test_file(tmp_path: Path) -> None:
    path = tmp_path / "pass word.txt"
    path.write_text("\ufeffp\u00e4ss \nsecond line\n", encoding="utf-8")
    assert resolve(USER, f"file:{path}").password == "p\u00e4ss "
    path.write_text("\n", encoding="utf-8")
    assert "is empty" in refusal(f"file:{path}")
    path.write_bytes(b"\xff\xfe\x00")
    assert "UnicodeDecodeError" in refusal(f"file:{path}")
    assert "FileNotFoundError" in refusal(f"file:{tmp_path / 'none'}")


def test_keyring(ring: Ring) -> None:
    ring.entries["snlm", USER] = "geheim"
    assert resolve(USER, f"keyring:snlm/{USER}").password == "geheim"
    assert "no such entry" in refusal("keyring:snlm/other")
    assert "a service and a user" in refusal("keyring:snlm")
    ring.locked = True
    assert "KeyringLocked" in refusal("keyring:snlm/other")


def test_prompt() -> None:
    asked: list[str] = []

    def person(user: str) -> str:
        asked.append(user)
        return "geheim"

    assert resolve(USER, "prompt:", prompt=person).password == "geheim"
    assert asked == [USER]
    assert "nobody can be asked" in refusal("prompt:")
    assert "no password was typed" in refusal("prompt:", prompt=lambda user: "")


@pytest.mark.parametrize("reference", ["Passw0rd!", "", "secret:Passw0rd!", "Passw0rd!:x"])
def test_what_may_be_a_password_is_refused_and_never_repeated(reference: str) -> None:
    said = refusal(reference)
    assert "Passw0rd" not in said
    assert "env:NAME" in said


def test_a_user_is_needed() -> None:
    with pytest.raises(CredentialError, match="no user name"):
        resolve("", "env:PW", environ={"PW": "geheim"})


@pytest.mark.parametrize("reference", ["env:", "file:", "file:  ", "keyring:", "ENV:"])
def test_a_reference_to_nothing_is_said(reference: str) -> None:
    assert "names nothing" in refusal(reference)


@pytest.mark.parametrize("path", ["a\0b", "~no-such-user/secret"])
def test_a_path_that_cannot_be_is_no_traceback(path: str) -> None:
    assert "cannot be read" in refusal(f"file:{path}")


def test_outside_a_notebook_nobody_is_asked() -> None:
    with pytest.raises(CredentialError, match="nobody can be asked"):
        ask_in_notebook(USER)


ASKS = """
import getpass, sys
from snlm_lib.errors import CredentialError
from snlm_lib.remote.credentials import ask_in_notebook

def input_line(prompt):
    if sys.argv[1] == "none":
        raise NotImplementedError("this frontend does not support input requests")
    return f"typed at {prompt}"

getpass.getpass = input_line  # what a kernel does when it starts
try:
    print(ask_in_notebook("op"))
except CredentialError as error:
    print(error)
"""


@pytest.mark.parametrize(("line", "said"), [("some", "typed at Password of op: "), ("none", "nobody can be asked")])
def test_in_a_notebook_its_input_line_asks_if_there_is_one(line: str, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", ASKS, line], capture_output=True, encoding="utf-8", check=True)

    assert said in done.stdout
