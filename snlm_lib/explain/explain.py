"""Finds what a text is about: numbers first, untranslated names and known texts second. Pure.

Windows speaks many languages, so a number weighs more than any text, and a text more than a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from snlm_lib.explain import findings
from snlm_lib.explain.catalogue import Catalogue, Failure, KnownEvent, State

__all__ = ["Explanation", "Match", "explain", "known_hresult", "likely_failure"]

_CALLED, _HRESULT, _CODED, _EVENT, _STATE, _BARE, _NAME = 100, 80, 70, 50, 55, 20, 10
_TEXT, _TEXT_WORD, _TEXT_WORDS = 20, 5, 8
_LEAST_TIGHT = 16  # letters: shorter fragments would be found inside other words


@dataclass(frozen=True, slots=True)
class Match:
    """One thing that the text may be about, how well it fits, and what in the text says so."""

    entry: Failure | KnownEvent | State
    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Matches, best first; HRESULTs that stand in the text and not in the catalogue; whether the text was cut."""

    matches: tuple[Match, ...]
    unknown_hresults: tuple[str, ...]
    cut: bool


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was found in the text, before anything is looked up."""

    text: str
    tight: str
    hresults: frozenset[str]
    events: frozenset[int]
    numbers: frozenset[int]
    lone: int | None


def explain(pasted: str, catalogue: Catalogue) -> Explanation:
    """What ``pasted`` is about; nothing of it but numbers is in the answer."""
    kept, cut = findings.bounded(pasted)
    text = findings.plain(kept)
    sure, likely = findings.hresults(text)
    known = {code for failure in catalogue.failures for code in failure.hresults}
    lone = findings.lone_number(text)
    seen = _Seen(
        text,
        findings.tight(text),
        frozenset(sure | likely & known),
        frozenset(findings.event_ids(text)),
        frozenset(findings.whole_numbers(text)),
        lone,
    )
    alone = likely if not re.search(r"[g-wyz]", text) else set()
    found = [*_failures(seen, catalogue), *_events(seen, catalogue), *_states(seen, catalogue)]
    ranked = sorted(found, key=lambda match: -match.score)  # stable: the catalogue's order among equals
    return Explanation(tuple(ranked), tuple(sorted((sure | alone) - known)), cut)


def known_hresult(text: str, catalogue: Catalogue) -> str | None:
    """The first HRESULT, in the catalogue's order, that the text holds and the catalogue knows."""
    written, _ = findings.hresults(findings.plain(findings.bounded(text)[0]))
    codes = (code for failure in catalogue.failures for code in failure.hresults)
    return next((code for code in codes if code in written), None)


def likely_failure(text: str, catalogue: Catalogue) -> Failure | None:
    """The failure that a host's own words are about; None where only names, or nothing, point to one."""
    found = (match for match in explain(text, catalogue).matches if match.score >= _TEXT)
    return next((match.entry for match in found if isinstance(match.entry, Failure)), None)


def _failures(seen: _Seen, catalogue: Catalogue) -> Iterable[Match]:
    for failure in catalogue.failures:
        reasons = [*_by_call(seen, failure, catalogue), *_by_number(seen, failure), *_by_words(seen, failure)]
        if reasons:
            yield Match(failure, sum(score for score, _ in reasons), tuple(reason for _, reason in reasons))


def _by_call(seen: _Seen, failure: Failure, catalogue: Catalogue) -> Iterable[tuple[int, str]]:
    if seen.text == failure.id:
        yield _CALLED, "its id"
    for check in failure.checks:
        if seen.text in (check, findings.plain(catalogue.checks[check])):
            yield _CALLED, f"the check {check} is there to prevent it"


def _by_number(seen: _Seen, failure: Failure) -> Iterable[tuple[int, str]]:
    for code in failure.hresults:
        if code in seen.hresults:
            yield _HRESULT, f"HRESULT {code}"
    for item in failure.numbers:
        if item.number in seen.numbers:
            yield _CODED, f"{item.kind} {item.number}"
    for event in failure.events:
        if score := _event_score(seen, event.id):
            yield score, f"event {event.id}"


def _event_score(seen: _Seen, number: int) -> int:
    if number in seen.events or number == seen.lone:
        return _EVENT
    return _BARE if number in seen.numbers else 0


def _by_words(seen: _Seen, failure: Failure) -> Iterable[tuple[int, str]]:
    hits = [item for item in (*failure.fragments, *failure.translated) if _holds(seen, item)]
    if hits:
        best = max(hits, key=lambda item: len(item.split()))
        words = min(len(best.split()), _TEXT_WORDS)
        yield _TEXT + _TEXT_WORD * words, f'text "{best}"'
    for name in failure.names:
        if _holds(seen, name):
            yield _NAME, f"name {name}"


def _holds(seen: _Seen, fragment: str) -> bool:
    """True for a text as it is, and as Windows PowerShell pipes it: each letter beyond ASCII a question mark."""
    spellings = {findings.plain(fragment), findings.plain(fragment.encode("ascii", "replace").decode("ascii"))}
    return any(_stands(seen, wanted) for wanted in spellings)


def _stands(seen: _Seen, wanted: str) -> bool:
    if wanted in seen.text and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", seen.text):
        return True
    tight = findings.tight(wanted)
    return len(tight) >= _LEAST_TIGHT and " " in wanted and tight in seen.tight


def _events(seen: _Seen, catalogue: Catalogue) -> Iterable[Match]:
    for event in catalogue.events:
        if score := _event_score(seen, event.id):
            yield Match(event, score + 1, (f"event {event.id}",))  # what it is stands before what it may come from


def _states(seen: _Seen, catalogue: Catalogue) -> Iterable[Match]:
    named = {kind: findings.state_numbers(seen.text, kind) for kind in {state.kind for state in catalogue.states}}
    for state in catalogue.states:
        if state.number == seen.lone or state.number in named[state.kind]:
            yield Match(state, _STATE, (f"{state.kind} {state.number}",))
