"""What a pasted text holds: its plain form, and the numbers in it. Pure; knows no catalogue.

A text is pasted from consoles that wrap lines inside words, from logs in any language, from XML. Nothing of
it is ever given back but numbers, so what else stands in it (secrets, control characters) goes nowhere.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = [
    "LIMIT",
    "bounded",
    "event_ids",
    "hresults",
    "lone_number",
    "plain",
    "state_numbers",
    "tight",
    "whole_numbers",
]

LIMIT = 1 << 20  # characters that are looked at: half from the front, half from the end
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_DASHES = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2212": "-", "\u2019": "'"})
_HEX = re.compile(r"(?<![0-9a-z])0x(?:ffffffff)?([0-9a-f]{8})[lu]{0,2}(?![0-9a-z])")
_BARE_HEX = re.compile(r"(?<![0-9a-z.-])([89c][0-9a-f]{7})(?![0-9a-z.-])")
_DECIMAL = re.compile(r"(?<![0-9a-z.])(-?[0-9]{9,10})(?![0-9a-z])")
_NUMBER = re.compile(r"(?<![0-9a-z.:-])([0-9]{5})(?![0-9a-z]|[.:-][0-9])")
_EVENT = re.compile(
    r"(?:event|ereignis|handelse|evento|evenement|zdarzen|\bid\b|イヘント|事件)[^0-9<>\n]{0,20}([0-9]{2,5})(?![0-9])"
    r"|<eventid[^>]{0,40}>\s*([0-9]{2,5})"
)


def bounded(text: str) -> tuple[str, bool]:
    """The part of a text that is looked at, and whether something was left out."""
    if len(text) <= LIMIT:
        return text, False
    return f"{text[: LIMIT // 2]}\n{text[-LIMIT // 2 :]}", True


def plain(text: str) -> str:
    """Without GUIDs, control characters, accents, case and line breaks; blanks are single."""
    text = _GUID.sub(" ", text.translate(_DASHES))
    if not text.isascii():
        text = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    text = "".join(letter if letter.isprintable() else " " for letter in text.casefold())
    return " ".join(text.split())


def tight(plain_text: str) -> str:
    """Without any blank: a console breaks lines inside words."""
    return plain_text.replace(" ", "")


def hresults(text: str) -> tuple[set[str], set[str]]:
    """HRESULTs as ``0x8009030E``: those written as such, and numbers that may be one (bare or decimal).

    ``text`` is plain. A code that a line break cut in two is put together again.
    """
    sure = set(_HEX.findall(text)) | set(re.findall(r"0x([0-9a-f]{8})(?![0-9a-z])", _mended(text)))
    decimal = {int(number) for number in _DECIMAL.findall(text)}
    likely = {f"{number & 0xFFFFFFFF:08x}" for number in decimal if -(1 << 31) <= number < 1 << 32}
    likely |= set(_BARE_HEX.findall(text))
    return {_spelt(code) for code in sure}, {_spelt(code) for code in likely - sure}


def _mended(text: str) -> str:
    return re.sub(r"(0x[0-9a-f]{0,7}) ([0-9a-f]{1,7})(?![0-9a-z])", r"\1\2", text)


def _spelt(code: str) -> str:
    return f"0x{code.upper()}"


def event_ids(text: str) -> set[int]:
    """Numbers that the text itself calls an event or an id."""
    return {int(one or other) for one, other in _EVENT.findall(text)}


def whole_numbers(text: str) -> set[int]:
    """Numbers of five digits that stand alone: no part of a time, an address, a version."""
    return {int(number) for number in _NUMBER.findall(text)}


def lone_number(text: str) -> int | None:
    """The number that is all there is, of at most five digits."""
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) else None


def state_numbers(text: str, kind: str) -> set[int]:
    """The numbers after a property's name, as ``JobState : 10`` or ``OperationalStatus {11, 32774}``."""
    name = r"\s?".join(word.casefold() for word in re.findall(r"[A-Z][a-z]*", kind))
    found: set[int] = set()
    for numbers in re.findall(name + r"[^0-9a-z]{0,6}((?:[0-9]{1,5}, ?){0,9}[0-9]{1,5})(?![0-9])", text):
        found.update(int(number) for number in re.findall(r"[0-9]+", numbers))
    return found
