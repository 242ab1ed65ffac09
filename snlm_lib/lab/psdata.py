"""Reads a PowerShell data file: one hashtable of strings, arrays, hashtables, $true and $false. Knows no role.

Stricter than PowerShell on purpose: a file that holds an expression, a variable or a script block means something
that only PowerShell can say, and is refused with its line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from snlm_lib.errors import LabError

__all__ = ["Table", "Value", "read_data"]

Value: TypeAlias = "str | int | bool | list[Value] | dict[str, Value]"
Table: TypeAlias = "dict[str, Value]"

_TOKEN = re.compile(
    r"""(?P<skip>[ \t]+|\#[^\n]*|<\#.*?\#>)
      | (?P<line>\r?\n|;)
      | (?P<text>'(?:[^']|'')*')
      | (?P<wide>"[^"`$\n]*")
      | (?P<number>\d+)
      | (?P<open>@\{|@\()
      | (?P<mark>[})=,])
      | (?P<flag>\$(?:true|false)\b)
      | (?P<word>[A-Za-z_][\w]*)""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    line: int


def read_data(text: str, *, where: str) -> Table:
    """The file's hashtable; keys as written. Raises LabError with the line of what is more than data."""
    reader = _Reader(list(_tokens(text.removeprefix("\ufeff"), where)), where)
    return reader.whole()


def _tokens(text: str, where: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise _refused(f"{text[at : at + 20].splitlines()[0]!r} is more than data", line, where)
        if found.lastgroup != "skip":
            yield _Token(found.lastgroup, found.group(), line)
        line += found.group().count("\n")
        at = found.end()
    yield _Token("end", "the end", line)


def _refused(what: str, line: int, where: str) -> LabError:
    remedy = "Only hashtables, arrays, strings, whole numbers, $true and $false may stand in it."
    return LabError(what, where=f"{where}, line {line}", remedy=remedy)


class _Reader:
    """Goes through the tokens once, never back."""

    def __init__(self, tokens: list[_Token], where: str) -> None:
        self._tokens = tokens
        self._where = where
        self._at = 0

    def whole(self) -> Table:
        self._lines()
        self._expect("@{")
        table = self._table()
        self._lines()
        if self._here.kind != "end":
            raise self._strange()
        return table

    @property
    def _here(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._here
        self._at += 1
        return token

    def _is(self, text: str) -> bool:
        return self._here.kind in ("open", "mark") and self._here.text == text

    def _expect(self, text: str) -> None:
        if not self._is(text):
            raise self._strange()
        self._take()

    def _strange(self) -> LabError:
        return _refused(f"{self._here.text!r} was not expected", self._here.line, self._where)

    def _lines(self) -> None:
        while self._here.kind == "line":
            self._take()

    def _table(self) -> Table:
        table: Table = {}
        self._lines()
        while not self._is("}"):
            key = self._here
            if key.kind not in ("word", "text", "wide"):
                raise self._strange()
            name = str(_scalar(self._take()))
            if name.casefold() in (known.casefold() for known in table):
                raise _refused(f"the key {name!r} stands twice", key.line, self._where)
            self._expect("=")
            self._lines()
            table[name] = self._values()
            if not self._is("}") and self._here.kind != "line":
                raise self._strange()
            self._lines()
        self._take()
        return table

    def _values(self) -> Value:
        """One value, or several with commas between, which are an array."""
        first = self._value()
        if not self._is(","):
            return first
        found = [first]
        while self._is(","):
            self._take()
            self._lines()
            found.append(self._value())
        return found

    def _value(self) -> Value:
        token = self._here
        if token.kind in _SCALARS and token.kind != "word":
            return _scalar(self._take())
        if self._is("@{"):
            self._take()
            return self._table()
        self._expect("@(")
        return self._array()

    def _array(self) -> list[Value]:
        found: list[Value] = []
        self._lines()
        while not self._is(")"):
            inner = self._values()
            found.extend(inner if isinstance(inner, list) else [inner])
            if not self._is(")") and self._here.kind != "line":
                raise self._strange()
            self._lines()
        self._take()
        return found


_SCALARS: dict[str, Callable[[str], str | int | bool]] = {
    "text": lambda text: text[1:-1].replace("''", "'"),
    "wide": lambda text: text[1:-1],
    "word": str,
    "number": int,
    "flag": lambda text: text.lower() == "$true",
}


def _scalar(token: _Token) -> str | int | bool:
    return _SCALARS[token.kind](token.text)
