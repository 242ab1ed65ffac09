"""One section a step: verdict, checks with the bad ones first, what it says, its tables, its figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from snlm_lib.measure.forecast.told import MEANT
from snlm_lib.record.page.html import Child, Html, el, join, table
from snlm_lib.record.page.words import DASH, badge, said, step_anchor, step_title, unbroken, utc
from snlm_lib.record.result import CheckRow, StepResult
from snlm_lib.record.state import RunState, StepState
from snlm_lib.units import parse_utc, say_duration_s

__all__ = ["overview", "step_sections"]

_MOST_ROWS = 8  # a longer table is folded, on the screen
_NOTES = {"forecast": MEANT}  # what a title alone does not say
_ORDER = {"FAIL": 0, "UNKNOWN": 1, "WARN": 2, "PASS": 3}


def overview(state: RunState) -> Html | None:
    """The steps in a row, each a link to its section."""
    if not state.steps:
        return None
    links = [
        el("a", el("span", step_title(step.name)), badge(step.verdict.value), href=f"#{step_anchor(step.name)}")
        for step in state.steps
    ]
    return el("nav", links, aria_label="Steps", class_="steps")


def step_sections(state: RunState, figures: Mapping[str, Child]) -> Html:
    """``figures`` holds what belongs under a step, by its name."""
    return join([_section(step, figures.get(step.name)) for step in state.steps])


def _section(step: StepState, figures: Child) -> Html:
    head = el("header", el("h2", step_title(step.name)), badge(step.verdict.value))
    body = _body(step.result) if step.result else None
    lead = el("p", unbroken(step.reason), class_="reason") if step.reason else None
    return el("section", head, lead, body, figures, class_="step", id=step_anchor(step.name))


def _body(result: StepResult) -> Html:
    return join(
        el("p", _when(result), class_="note"),
        el("ul", [el("li", unbroken(line)) for line in result.highlights], class_="highlights")
        if result.highlights
        else None,
        _checks(result.checks),
        [_table(name, rows) for name, rows in result.tables.items() if rows],
        _numbers(result),
    )


def _when(result: StepResult) -> str:
    lasted = (parse_utc(result.ended_utc) - parse_utc(result.started_utc)).total_seconds()
    return f"{utc(result.started_utc)}, {say_duration_s(lasted)}"


def _checks(checks: Iterable[CheckRow]) -> Html | None:
    ordered = sorted(checks, key=lambda row: _ORDER[row.verdict])
    if not ordered:
        return None
    good = [row for row in ordered if row.verdict == "PASS"]
    folded = good if len(good) > _MOST_ROWS else []
    shown = [row for row in ordered if row not in folded]
    return join(
        el("h3", f"Checks: {len(good)} of {len(ordered)} pass"),
        _check_table(shown) if shown else None,
        _fold(f"{len(folded)} checks that pass", _check_table(folded)) if folded else None,
    )


def _check_table(checks: list[CheckRow]) -> Html:
    rows: list[list[Child]] = [
        [badge(row.verdict), row.host or DASH, row.title, join(unbroken(row.evidence), _remedy(row))] for row in checks
    ]
    return table(["Verdict", "Where", "Check", "Evidence"], rows, class_="checks wide")


def _fold(summary: str, inner: Html) -> Html:
    return el("details", el("summary", summary), inner, class_="onpaper")


def _remedy(row: CheckRow) -> Html | None:
    return el("div", el("strong", "To do: "), row.remedy, class_="remedy") if row.remedy else None


def _table(name: str, rows: list[dict[str, str | int | float | bool | None]]) -> Html:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    title, made = name.replace("_", " ").capitalize(), table(columns, cells)
    if len(rows) > _MOST_ROWS:
        return _fold(f"{title}: {len(rows)} rows", made)
    return join(el("h3", title), el("p", _NOTES[name], class_="note") if name in _NOTES else None, made)


def _cell(value: str | int | float | bool | None) -> Child:
    words = unbroken(said(value))
    return el("span", words, class_="number") if isinstance(value, int | float) else words


def _numbers(result: StepResult) -> Html | None:
    if not result.figures:
        return None
    rows: list[list[Child]] = [
        [el("code", name), _figure(name, value)] for name, value in sorted(result.figures.items())
    ]
    return el("details", el("summary", f"Figures of this step ({len(rows)})"), table(["Name", "Value"], rows))


def _figure(name: str, value: str | int | float | bool | None) -> str:
    return str(value) if name.endswith("_id") else said(value)  # an event's number is no quantity
