"""Numbers and names as the page says them; unknown is said, never drawn as zero."""

from __future__ import annotations

import re
from typing import Any

from snlm_lib.measure.verdict import say_length
from snlm_lib.record.page.html import Html, el
from snlm_lib.units import parse_utc

__all__ = [
    "DASH",
    "NOT_RECORDED",
    "away_words",
    "badge",
    "moment",
    "said",
    "seconds",
    "step_anchor",
    "step_title",
    "unbroken",
    "utc",
]

NOT_RECORDED = "not recorded"
DASH = "\u2013"
_RANGE = re.compile(r"(?:\d[\d.,]* (?:to|±) )?\d[\d.,]* (?:ms|s|min|h|d|%|(?:B|[KMGT]iB|Mbit)(?:/s)?)(?![\w/])")
_TITLES = {
    "01_enable_live_migration": "Enable live migration",
    "02_configure_delegation": "Configure delegation",
    "03_verify_hosts": "Verify the hosts",
    "04_start_ping_monitor": "Start the ping monitor",
    "05_move_vm": "Move the VM",
    "06_verify_migration": "Verify the migration",
    "07_change_report": "Change report",
    "90_roll_back": "Roll back",
}


def step_title(name: str) -> str:
    """``05_move_vm`` -> "05 Move the VM"."""
    return f"{name[:2]} {_TITLES[name]}" if name in _TITLES else name.replace("_", " ")


def step_anchor(name: str) -> str:
    """An id of the page for a step, whatever its folder is called."""
    return "step-" + re.sub(r"[^A-Za-z0-9_-]", "-", name)


def unbroken(text: str) -> str:
    """A figure and its unit, and a range with both, are one word: no line ends inside ``0.20 to 0.60 s``."""
    return _RANGE.sub(lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), text)


def badge(word: str) -> Html:
    """A verdict in words and colour."""
    return el("span", word.upper(), class_=f"badge is-{re.sub('[^a-z]', '', word.lower())}")


def said(value: Any) -> str:
    """A value for a reader: unknown, yes and no in words, floats without a tail."""
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)


def seconds(value: float | None, places: int = 2) -> str:
    """``0.5833`` -> "0.58 s"."""
    return NOT_RECORDED if value is None else f"{value:.{places}f} s"


def away_words(gap: float | None, lower: float | None, upper: float | None) -> str:
    """The number a manager asks for: "0.60 s ± 0.10 s", "less than 0.10 s", or that it was not measured."""
    if gap is None or gap == 0:
        return f"less than {upper:.2f} s" if upper is not None else "not measured"
    if lower is None or upper is None:
        return f"{gap:.2f} s"
    return (
        say_length(gap, (upper - lower) / 2).replace(" ± ", " ±\N{NO-BREAK SPACE}").replace(" s", "\N{NO-BREAK SPACE}s")
    )


def moment(text: str) -> str:
    """``2026-11-23T21:04:00.123Z`` -> "2026-11-23 21:04:00 UTC"; other text as it is."""
    try:
        return f"{parse_utc(text):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return text


def utc(text: Any) -> str:
    """A stamp from a file, if it is one."""
    return moment(text) if isinstance(text, str) and text else NOT_RECORDED
