"""The card: what a manager and an auditor read first, on one screen. Facts in, HTML out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from snlm_lib.measure.aims import KIND_WORDS
from snlm_lib.record.page.html import Child, Html, el, join, table
from snlm_lib.record.page.words import NOT_RECORDED, away_words, badge, said, seconds, step_anchor, step_title, utc
from snlm_lib.record.result import Verdict
from snlm_lib.record.state import ChangeState, RunState
from snlm_lib.units import parse_utc, say_duration_s

__all__ = ["card", "title_of"]

_ON_HOST = re.compile(r"(?P<host>[\w.-]+): (?P<text>[A-Z]\w+-[A-Z].*)", re.DOTALL)  # "HV01: Disable-VMMigration ..."

_MARKS = {Verdict.PASSED: "✓", Verdict.REFUSED: "!", Verdict.FAILED: "✕", Verdict.UNKNOWN: "?"}
SURVEY = (
    "Survey both hosts before acting: find out where the VM is, whether a move still runs, and what is left over. "
    "Do not start the move again."
)


def title_of(state: RunState) -> str:
    """The page's title, as plain text."""
    return f"{state.verdict.upper()}: {_vm(state)}, change {state.facts.get('change_id') or NOT_RECORDED}"


def card(state: RunState) -> Html:
    """Verdict, whether simulated or real, the figures, the facts, what was changed."""
    return el(
        "section",
        el("p", _reality(state), class_="reality"),
        el("h1", el("span", _MARKS[state.verdict], class_="mark", aria_hidden="true"), " ", state.verdict.upper()),
        el("p", _headline(state), class_="lead"),
        _unknown(state),
        _damaged(state),
        _figures(state),
        el("dl", [el("div", el("dt", name), el("dd", value)) for name, value in _facts(state)], class_="facts"),
        el("h2", "What was changed"),
        _changes(state),
        class_=f"card is-{state.verdict.value}",
        id="card",
    )


def _reality(state: RunState) -> Html:
    if state.rehearsal is True:
        scenario = state.facts.get("scenario")
        named = f", scenario {scenario}" if isinstance(scenario, str) and scenario else ""
        return join(el("strong", "REHEARSAL"), f" simulated hosts{named}; nothing outside one machine was touched")
    if state.rehearsal is False:
        return join(el("strong", "REAL"), " this change was carried out on real hosts")
    return join(el("strong", "REAL OR REHEARSAL?"), " the record does not say; treat it as real")


def _vm(state: RunState) -> str:
    return str(state.parameter("vm") or "the VM")


def _headline(state: RunState) -> str:
    if state.verdict is Verdict.PASSED:
        return _passed_headline(state)
    bad = next((step for step in state.steps if step.verdict is state.verdict), None)
    if bad is None:
        return "No step has left a result." if not state.steps else "The run as a whole did not pass."
    return f"{step_title(bad.name)} {bad.verdict}: {bad.reason.rstrip('.')}.{_still_stands(state)}"


def _still_stands(state: RunState) -> str:
    """A refused or failed run may leave changes of earlier steps behind: said where nobody overlooks it."""
    done = sum(change.result == "done" for change in state.changes)
    if not done:
        return ""
    made = "1 change that was made before still stands" if done == 1 else f"{done} changes that were made still stand"
    return f" {made}; each with its undo below."


def _passed_headline(state: RunState) -> str:
    host = state.figure("06", "running_on")
    if host:
        only = "only " if state.figure("06", "gone_from_source") is True else ""
        return f"{_vm(state)} runs {only}on {host}."
    if state.step("05"):
        return f"{_vm(state)} was moved; where it runs now was not verified."
    return f"Every step so far passed; {_vm(state)} was not moved."


def _unknown(state: RunState) -> Html | None:
    if state.verdict is not Verdict.UNKNOWN:
        return None
    begun = [change for change in state.changes if change.result == "unknown"]
    listed = el("ul", [el("li", f"{step_title(one.step)}: {one.what} (begun {utc(one.utc)})") for one in begun])
    return el(
        "div",
        el("h2", "The outcome is unknown"),
        el("p", SURVEY),
        join(el("p", "Begun, and no outcome recorded:"), listed) if begun else None,
        class_="alarm",
        role="note",
    )


def _damaged(state: RunState) -> Html | None:
    if state.chain.intact:
        return None
    listed = el("ul", [el("li", text) for text in state.chain.damage])
    lead = "This page was made from it: trust neither the verdict nor the list of changes before you know why."
    return el("div", el("h2", "The journal is damaged"), el("p", lead), listed, class_="alarm", role="note")


def _figures(state: RunState) -> Html | None:
    tiles = list(_tiles(state))
    return el("div", tiles, class_="tiles") if tiles else None


def _tiles(state: RunState) -> Iterator[Html]:
    six = state.step("06")
    gap, lower, upper = (state.number("06", key) for key in ("gap_s", "gap_lower_s", "gap_upper_s"))
    if six and (gap is not None or upper is not None):
        kind = state.figure("06", "gap_kind")
        note = f"longest gap, by {KIND_WORDS.get(str(kind), str(kind))} probes" if kind else "no probe was lost"
        shared = state.figure("06", "quotable") is False
        caveat = "; not to be quoted: the control was silent too" if shared else ""
        title = "Seems away" if shared else "Away"
        yield _tile(title, away_words(gap, lower, upper), f"{note}{caveat}", main=True)
    elif state.step("05"):
        yield _tile("Away", "not measured", "no verified figure of the probes", main=True)
    else:
        return
    blackout = state.number("06", "host_blackout_s") or state.number("05", "host_blackout_s")
    event = state.figure("05", "blackout_event_id")
    source = f"event {event} of the host" if event else "the processors stood still"
    yield _tile("Host blackout", seconds(blackout), source if blackout is not None else "the host gave no figure")
    if state.truth is not None:
        yield _truth_tile(state.truth)
    kinds = six.result.tables.get("away", []) if six and six.result else []
    if kinds:
        first, *others = [
            (
                KIND_WORDS.get(str(row.get("probe")), str(row.get("probe"))),
                f"{said(row.get('lost'))} of {said(row.get('sent'))}",
            )
            for row in kinds
        ]
        beside = "".join(f"; {kind} {count}" for kind, count in others)
        yield _tile("Lost probes", first[1], f"{first[0]}, during the move{beside}")


def _truth_tile(truth: Any) -> Html:
    silence, blackout = truth.get("silence_s"), truth.get("blackout_s")
    told = seconds(silence) if isinstance(silence, int | float) else "no move"
    note = f"blackout {seconds(blackout)}" if isinstance(blackout, int | float) else "the guest was never silent"
    return _tile("The lab's truth", told, f"silence; {note}" if isinstance(silence, int | float) else note)


def _tile(name: str, value: str, note: str, *, main: bool = False) -> Html:
    inner = join(el("span", name, class_="name"), el("strong", value), el("span", note, class_="note"))
    return el("div", inner, class_="tile main" if main else "tile")


def _facts(state: RunState) -> Iterator[tuple[str, Child]]:
    facts = state.facts
    yield "VM", _vm(state)
    yield "From → to", f"{said(state.parameter('source'))} → {said(state.parameter('destination'))}"
    yield "Change", str(facts.get("change_id") or NOT_RECORDED)
    yield "Reason", str(state.parameter("reason") or "none given")
    start, end = _span(state)
    yield "Start", utc(start)
    yield "End", utc(end)
    yield "Duration", _lasted(start, end)
    move_s = state.number("05", "duration_s")
    if move_s is not None:
        yield "The move itself", say_duration_s(move_s)
    yield "Operator", _operator(facts.get("operator"))
    accounts = _accounts(state)
    if accounts:
        yield "Signed on to the hosts as", ", ".join(f"{who} ({', '.join(hosts)})" for who, hosts in accounts.items())
    yield from _by_hand(state)
    yield "Code", _code(facts.get("code"))
    yield "Journal", el("span", _chain_words(state), class_="hash")


def _accounts(state: RunState) -> dict[str, list[str]]:
    """Account -> the hosts it signed on to, from what the steps kept."""
    found: dict[str, set[str]] = {}
    for step in state.steps:
        for name, value in step.figures.items():
            if name.startswith("account_") and value:
                found.setdefault(str(value), set()).add(name.removeprefix("account_"))
    return {who: sorted(hosts) for who, hosts in sorted(found.items())}


def _by_hand(state: RunState) -> Iterator[tuple[str, Child]]:
    """Which steps no runner watched: their executed notebooks are not in the record."""
    last = {entry.step: entry.data.get("by") for entry in state.entries if entry.kind == "step-started" and entry.step}
    steps = sorted(str(step)[:2] for step, by in last.items() if by == "hand")
    if steps:
        yield "Run by hand", f"{', '.join(steps)}: no executed notebook was kept"


def _span(state: RunState) -> tuple[str | None, str | None]:
    """First and last moment that the record knows of."""
    if not state.entries:
        opened = state.facts.get("opened_utc")
        return (opened if isinstance(opened, str) else None), None
    return state.entries[0].utc, state.entries[-1].utc


def _lasted(start: str | None, end: str | None) -> str:
    try:
        return say_duration_s((parse_utc(end or "") - parse_utc(start or "")).total_seconds())
    except ValueError:
        return NOT_RECORDED


def _operator(operator: Any) -> str:
    if not isinstance(operator, dict):
        return NOT_RECORDED
    user, machine, system = (operator.get(key) for key in ("user", "machine", "system"))
    return f"{user or 'unknown'} on {machine or 'unknown'}" + (f" ({system})" if system else "")


def _code(code: Any) -> str:
    if not isinstance(code, dict):
        return NOT_RECORDED
    commit = code.get("commit")
    told = f"snlm {code.get('version') or 'unknown'}, " + (
        f"commit {str(commit)[:12]}" if commit else "no commit known"
    )
    return told + (", with local changes" if code.get("modified") else "")


def _chain_words(state: RunState) -> str:
    whole = "chain intact" if state.chain.intact else "CHAIN BROKEN"
    torn = f", {len(state.chain.torn)} torn line kept" if state.chain.torn else ""
    so_far = f"{state.chain.entries} entries when this page was built, up to {state.chain.head[:12]}"
    return f"{whole}, {so_far}{torn}; the hashes for the ticket stand in VERIFY.txt"


def _changes(state: RunState) -> Html:
    if not state.changes:
        return el("p", "Nothing was changed." if state.chain.intact else "Unknown: the journal is damaged.")
    rows = [_change_row(change) for change in state.changes]
    return table(["Step", "Changed", "Outcome", "How it is undone, from the bottom up"], rows, class_="wide")


def _change_row(change: ChangeState) -> list[Child]:
    link = el("a", change.step[:2], href=f"#{step_anchor(change.step)}")
    # what was sent to bring it about stands in the journal; here only why it did not work
    note = el("div", change.detail, class_="note") if change.detail and change.result != "done" else None
    return [link, change.what, join(badge(change.result), note), _undo(change.undo)]


def _undo(undo: str) -> Child:
    """A command to be pasted, and where it is run; or the sentence it is."""
    command = _ON_HOST.fullmatch(undo)
    if command is None:
        return undo or "no undo recorded"
    return join(el("div", f"on {command['host']}", class_="note"), el("code", command["text"], class_="command"))
