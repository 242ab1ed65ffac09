"""An explanation in words: lines for a reader, an object for a program. Pure; echoes nothing that was pasted."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from snlm_lib.explain.catalogue import Catalogue, Failure, KnownEvent, State
from snlm_lib.explain.explain import Explanation, Match

__all__ = ["as_lines", "as_object", "list_lines", "nothing_found"]

_WHOLE = 3  # matches told in full; the others get a line each
_MOST = 12
_LABEL = 12
_WIN32 = "0x8007"


def as_lines(found: Explanation, catalogue: Catalogue, *, width: int) -> list[str]:
    """The answer as lines of at most ``width`` characters."""
    lines: list[str] = []
    for match in found.matches[:_WHOLE]:
        lines += [*_told(match, catalogue, width), ""]
    rest = found.matches[_WHOLE:]
    if rest:
        lines += ["Also possible:", *(f"  {_head(match.entry, catalogue)}" for match in rest[: _MOST - _WHOLE])]
        more = len(found.matches) - _MOST
        lines += [f"  and {more} more: paste less of the text", ""] if more > 0 else [""]
    lines += [f"{_unknown(code)}." for code in found.unknown_hresults[:_WHOLE]]
    lines += ["The text is long: only its first and last half million characters were looked at."] if found.cut else []
    return lines[:-1] if lines and not lines[-1] else lines


def nothing_found(found: Explanation) -> str:
    """Why there is no answer, as one sentence without its full stop."""
    codes = "; ".join(_unknown(code) for code in found.unknown_hresults[:_WHOLE])
    return codes or "nothing in the failure catalogue fits this text"


def list_lines(catalogue: Catalogue) -> list[str]:
    """Every failure of the catalogue, a line each."""
    widest = max(len(failure.id) for failure in catalogue.failures)
    return [f"{failure.id:<{widest}}  {failure.title}" for failure in catalogue.failures]


def as_object(found: Explanation) -> dict[str, Any]:
    """The same for a program: every field of every match."""
    kinds = {Failure: "failure", KnownEvent: "event", State: "state"}
    return {
        "schema": "snlm.explanation/1",
        "matches": [
            {
                "kind": kinds[type(match.entry)],
                "score": match.score,
                "matched": list(match.reasons),
                **{key: value for key, value in dataclasses.asdict(match.entry).items() if key != "kind"},
                **({"property": match.entry.kind} if isinstance(match.entry, State) else {}),
            }
            for match in found.matches
        ],
        "unknown_hresults": list(found.unknown_hresults),
        "cut": found.cut,
    }


def _told(match: Match, catalogue: Catalogue, width: int) -> Iterator[str]:
    yield from textwrap.wrap(_head(match.entry, catalogue), width)
    entry = match.entry
    rows = _failure(entry, catalogue) if isinstance(entry, Failure) else _known(entry, catalogue)
    for label, text in (("matched by", _reasons(match)), *rows):
        first = f"  {label:<{_LABEL}}"
        yield from textwrap.wrap(
            text, width, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
        )


def _reasons(match: Match) -> str:
    said = "; ".join(match.reasons)
    alone = all(reason.startswith(f"HRESULT {_WIN32}") for reason in match.reasons)
    return f"{said} alone, a general Windows code: other causes are possible" if alone else said


def _head(entry: Failure | KnownEvent | State, catalogue: Catalogue) -> str:
    if isinstance(entry, Failure):
        return f"{entry.title} ({entry.id}; {catalogue.phases[entry.phase]})"
    if isinstance(entry, KnownEvent):
        return f"Event {entry.id} of {entry.channel}"
    return f"{entry.kind} {entry.number}: {entry.name} ({entry.where})"


def _failure(failure: Failure, catalogue: Catalogue) -> Iterable[tuple[str, str]]:
    yield "cause", failure.cause
    yield "fix", failure.remedy
    checks = [f"{check} ({catalogue.checks[check]})" for check in failure.checks]
    told = f"{'; '.join(checks)}." if checks else "none."
    yield "our checks", f"{told} {failure.gap}".strip()
    if failure.gap:
        yield "by hand", failure.by_hand
    yield "how sure", f"{catalogue.marks[failure.mark]}; never tried on real hosts by snlm"
    yield "source", failure.source


def _known(entry: KnownEvent | State, catalogue: Catalogue) -> Iterable[tuple[str, str]]:
    if entry.meaning:
        yield "means", entry.meaning
    if isinstance(entry, KnownEvent) and entry.see:
        yield "see also", ", ".join(entry.see)
    yield "how sure", catalogue.marks[entry.mark]


def _unknown(code: str) -> str:
    if code.startswith(_WIN32):
        number = int(code[len(_WIN32) :], 16)
        return f"{code} is not in the catalogue; 'net helpmsg {number}' on Windows says its general meaning"
    return f"{code} is not in the catalogue"
