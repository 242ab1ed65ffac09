"""The language a host speaks: its texts and names of counters, never its numbers, codes and rule Names. Pure.

What is not in the table stays English, as it does on a Windows whose translation has gaps.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files

__all__ = ["LANGUAGES", "counter_name", "spoken"]

LANGUAGES = {"en-US": 1033, "de-DE": 1031}
"""Locale to Win32_OperatingSystem.OSLanguage."""


@cache
def _table(kind: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    rows = json.loads(files("snlm_lib.lab").joinpath("german.json").read_text(encoding="utf-8"))[kind]
    return tuple((re.compile(english), german) for english, german in rows)


def spoken(locale: str, text: str) -> str:
    """A message, state or display name as a host of this locale writes it."""
    return _replaced(text, "pieces") if locale == "de-DE" else text


def counter_name(locale: str, text: str) -> str:
    """The name of a counter or of its set there: what Get-Counter must be asked for, and what it answers."""
    return _replaced(text, "counters") if locale == "de-DE" else text


def _replaced(text: str, kind: str) -> str:
    for english, german in _table(kind):
        text = english.sub(german, text)
    return text
