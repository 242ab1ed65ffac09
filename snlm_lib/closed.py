"""What the closed schemas share: which keys and values are refused, and the one sentence that says so.

A value may be a secret typed into the wrong place, so it is repeated only where that cannot be.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from snlm_lib.errors import ParameterError

__all__ = ["Closed", "FileName", "Literally", "WindowsFolder", "Word", "checked", "is_device_name", "refuse_key"]

_SECRET_KEY = re.compile(r"pass(word|wd|phrase)?$|secret$|token$|pwd$|api_?key$", re.IGNORECASE)
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])", re.IGNORECASE)
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_WORD = re.compile(r"[\w .-]{0,40}")
_FOLDER = re.compile(r"[A-Za-z]:\\[^\x00-\x1f<>:\"|?*/]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHOWN = 60
_LIST = "Correct the value; parameters/README.md lists name, type and unit of each."
_QUOTES = "Put the value in quotes; parameters/README.md lists name, type and unit of each."


def is_device_name(name: str) -> bool:
    """Is this a device of Windows, in whatever folder and with whatever ending: CON, LPT9.txt?"""
    return _DEVICE.fullmatch(name.split(".")[0].rstrip()) is not None


def _file_name(value: str) -> str:
    if not _FILE_NAME.fullmatch(value):
        raise ValueError("it must be letters, digits, - and _, at most 40, and begin with a letter or digit")
    if is_device_name(value):
        raise ValueError("Windows keeps this name for a device")
    return value


def _word(value: str) -> str:
    if not _WORD.fullmatch(value):
        raise ValueError("it must be letters, digits, spaces, '.', '-' and '_', at most 40")
    return value


def _literally(value: str) -> str:
    if not value.strip():
        raise ValueError("it is empty")
    if _CONTROL.search(value):
        raise ValueError("it holds a control character or a line end")
    return value


def _windows_folder(value: str) -> str:
    if any(character < " " for character in value):
        raise ValueError(
            r"it holds a line break or tab: in double quotes YAML makes one of \n and \t; use single quotes"
        )
    if not _FOLDER.fullmatch(value):
        raise ValueError(r"it must be a folder with a drive letter, such as D:\Hyper-V\VM01")
    parts = value[3:].split("\\")
    if parts[-1] == "":
        parts.pop()
    for part in parts:
        if part in ("", ".", ".."):
            raise ValueError("it must name each folder plainly, without '.', '..' or a doubled backslash")
        if part.endswith((".", " ")) or is_device_name(part):
            raise ValueError(f"Windows cannot have a folder called {part!r}")
    return value


Model = TypeVar("Model", bound=BaseModel)
FileName = Annotated[str, AfterValidator(_file_name)]
Word = Annotated[str, AfterValidator(_word)]
Literally = Annotated[str, Field(max_length=255), AfterValidator(_literally)]
WindowsFolder = Annotated[str, Field(max_length=200), AfterValidator(_windows_folder)]


class Closed(BaseModel):
    """Unknown keys refused, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def checked(model: type[Model], values: Mapping[str, Any], *, where: str) -> Model:
    """``values`` as a ``model``; raises ParameterError for the first thing wrong, naming ``where`` and key."""
    for key in values:
        refuse_key(str(key), model.model_fields, where=where)
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise _first_problem(error, where) from None


def refuse_key(key: str, known: Iterable[str], *, where: str) -> None:
    """Raise ParameterError when ``key`` is not among ``known``; a key that asks for a secret is told so."""
    names = list(known)
    if key not in names:
        raise _unknown(key, names, where)


def _unknown(key: str, names: list[str], where: str) -> ParameterError:
    if _SECRET_KEY.search(key):
        return ParameterError(
            f"parameter {_short(key)} would put a secret in clear into the record",
            where=where,
            remedy="Delete it; the connection profile names where the secret is kept (env:, keyring:, file:).",
        )
    close = difflib.get_close_matches(key[:_SHOWN], names, n=1)
    known = f"Known are: {', '.join(names)}." if names else "Delete it, or correct its spelling."
    hint = f"Did you mean {close[0]!r}?" if close else known
    return ParameterError(f"unknown parameter {_short(key)}", where=where, remedy=hint)


def _first_problem(error: ValidationError, where: str) -> ParameterError:
    first = error.errors(include_url=False)[0]
    place = [str(part)[:_SHOWN] for part in first["loc"]]
    key = ".".join(place)
    if first["type"] == "extra_forbidden":
        return _unknown(place[-1], [], f"{where}, {'.'.join(place[:-1])}")
    if first["type"] == "missing":
        return ParameterError(f"{key!r} is missing", where=where, remedy="Add it.")
    ours = first["msg"].removeprefix("Value error, ")
    reason = ours if ours != first["msg"] else f"{ours[:1].lower()}{ours[1:]}"
    if not key:
        return ParameterError(reason, where=where, remedy="Correct the file.")
    remedy = _QUOTES if first["type"] == "string_type" else _LIST
    given = _said(first.get("input"), key)
    return ParameterError(f"parameter {key!r} is {given}: {reason}", where=where, remedy=remedy)


def _said(given: object, key: str) -> str:
    if isinstance(given, bool | float) or (isinstance(given, int) and abs(given) < 10**_SHOWN):
        return repr(given)
    if isinstance(given, str) and not _SECRET_KEY.search(key):
        return _short(given)
    return "nothing" if given is None else f"a {type(given).__name__}"


def _short(text: str) -> str:
    return repr(text) if len(text) < _SHOWN else f"{text[:20]!r}... ({len(text)} characters)"
