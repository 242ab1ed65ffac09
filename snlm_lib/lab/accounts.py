"""Who may sign on at the lab's hosts, and why not; counts wrong passwords. Knows no protocol.

Numbers are Windows' NTSTATUS (MS-ERREF 2.3.1). Over HTTP a host tells them to nobody but a CredSSP client;
they are what its Security log would say.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Mapping

from snlm_lib.errors import LabError

__all__ = ["DISABLED", "LOCKED", "PASSWORD_EXPIRED", "STATES", "WRONG", "Accounts"]

WRONG = 0xC000006D  # STATUS_LOGON_FAILURE: an unknown user too
DISABLED = 0xC0000072  # STATUS_ACCOUNT_DISABLED
LOCKED = 0xC0000234  # STATUS_ACCOUNT_LOCKED_OUT
PASSWORD_EXPIRED = 0xC0000071  # STATUS_PASSWORD_EXPIRED
STATES = {"enabled": 0, "disabled": DISABLED, "locked": LOCKED, "password-expired": PASSWORD_EXPIRED}


class Accounts:
    """``passwords``: "CORP\\\\operator" -> password; with ``realm`` each also signs on as operator@REALM.

    ``states``: name -> a word of STATES, enabled unless named. ``lock_out_after`` wrong passwords in a row
    lock an account; 0: never. Raises LabError for a name without a domain.
    """

    def __init__(
        self,
        passwords: Mapping[str, str],
        *,
        realm: str = "",
        lock_out_after: int = 0,
        states: Mapping[str, str] | None = None,
    ) -> None:
        self._passwords = dict(passwords)
        self._states = {name: STATES[word] for name, word in (states or {}).items()}
        self._lock_out_after = lock_out_after
        self._wrong: dict[str, int] = {}
        self._lock = threading.Lock()
        self._spellings: dict[str, str] = {}
        for name in passwords:
            _, backslash, user = name.partition("\\")
            if not backslash:
                raise LabError("a lab account must read DOMAIN\\user", where=name, remedy="Name its domain.")
            self._spellings[name.casefold()] = name
            if realm:
                self._spellings[f"{user}@{realm}".casefold()] = name

    def named(self, given: str) -> str | None:
        """The account as the lab writes it, however the client spelt it; None: there is none."""
        return self._spellings.get(given.casefold())

    def lines(self) -> list[tuple[str, str, str]]:
        """Domain (empty for name@REALM), user and password of each spelling, as pyspnego's file wants them."""
        found = []
        for spelling, name in self._spellings.items():
            domain, backslash, user = (name if "\\" in spelling else spelling).rpartition("\\")
            found.append((domain if backslash else "", user, self._passwords[name]))
        return found

    def refusal(self, name: str | None) -> int:
        """NTSTATUS why this account may not sign on whatever its password; 0: it may."""
        if name is None:
            return WRONG
        with self._lock:
            if self._lock_out_after and self._wrong.get(name, 0) >= self._lock_out_after:
                return LOCKED
        return self._states.get(name, 0)

    def wrong(self, name: str | None) -> int:
        """A wrong password was given: count it; NTSTATUS of the answer."""
        if name is not None:
            with self._lock:
                self._wrong[name] = self._wrong.get(name, 0) + 1
        return WRONG

    def right(self, name: str) -> None:
        """The password was right: the count begins anew."""
        with self._lock:
            self._wrong.pop(name, None)

    def check(self, given: str, password: str) -> str | None:
        """A name and a password as they are: the account's name, or None when it may not sign on."""
        name = self.named(given)
        if name is None or self.refusal(name):
            return None
        if not hmac.compare_digest(password.encode(), self._passwords[name].encode()):
            self.wrong(name)
            return None
        self.right(name)
        return name
