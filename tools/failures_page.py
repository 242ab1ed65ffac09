"""docs/failures.md from the catalogue and the lab's table of faults: what each failure is, and what snlm does about it.

The package itself never lays the two side by side: nobody imports the lab. Both keep their own ids; a test compares.
"""

from __future__ import annotations

from collections.abc import Mapping

from snlm_lib.explain.catalogue import Catalogue, Failure, load_catalogue
from snlm_lib.lab.faults import FAULTS, Fault

__all__ = ["failures_markdown"]

_HEAD = """# Known failures

Made by `make docs` from `snlm_lib/explain/catalogue.json` and `snlm_lib/lab/faults.json`; a test compares them.
Each can be met in the lab: `snlm rehearse faults/NAME`, or `fault: NAME` in a scenario of your own. How all of them
ended when they were last played: [proving-ground.md](proving-ground.md). For a text from a real host:
`snlm explain TEXT`. Nothing here was seen on real hosts by us; each entry names where it was read.
"""
_ENDS = {
    "refused": "is refused before the move, by",
    "failed": "the move fails, and the report says what to do",
    "unknown": "the verdict is unknown: the job never ends, and snlm says that both hosts must be looked at",
    "passed": "the move goes through",
}


def failures_markdown() -> str:
    """The whole page, phase by phase in the order of a move."""
    catalogue = load_catalogue()
    parts = [_HEAD, _overview(catalogue)]
    for phase, words in catalogue.phases.items():
        parts.append(f"## {words[0].upper()}{words[1:]}\n")
        parts += [_entry(failure, catalogue) for failure in catalogue.failures if failure.phase == phase]
    return "\n".join(parts)


def _overview(catalogue: Catalogue) -> str:
    count = {end: sum(fault.ends == end for fault in FAULTS.values()) for end in _ENDS}
    return (
        f"Of {len(FAULTS)} failures, {count['refused']} are refused before anything moves, {count['failed']} fail as"
        f" they would on Windows,\n{count['passed']} pass all the same, {count['unknown']} stays unknown.\n"
    )


def _entry(failure: Failure, catalogue: Catalogue) -> str:
    rows = {
        "How Windows says it": _signs(failure),
        "Cause": failure.cause,
        "In snlm": _snlm(failure, FAULTS.get(failure.id), catalogue.checks),
        "What Hyper-V leaves": FAULTS[failure.id].remains.value if failure.id in FAULTS else "",
        "What to do": failure.remedy,
        "Not seen": failure.gap,
        "Source": f"{failure.source} ({catalogue.marks[failure.mark]})",
    }
    told = "\n".join(f"- **{name}:** {text}" for name, text in rows.items() if text)
    return f"### {failure.title}\n\n`{failure.id}`\n\n{told}\n"


def _signs(failure: Failure) -> str:
    signs = [
        *(f"`{code}`" for code in failure.hresults),
        *(f"event {event.id} ({event.channel})" for event in failure.events),
        *(f"{item.kind} {item.number}" for item in failure.numbers),
        *(f'"{text}"' for text in failure.fragments),
    ]
    return ", ".join(signs) or "no code and no text is known"


def _snlm(failure: Failure, fault: Fault | None, checks: Mapping[str, str]) -> str:
    if fault is None:
        return "not in the lab"
    ends = _ENDS[fault.ends]
    if fault.ends == "refused":
        return f"{ends} the check `{fault.check}` ({checks[fault.check]})."
    if fault.check and not fault.check_exists:
        return f"{ends}. A check is still to be written: `{fault.check}`. By hand: {failure.by_hand}"
    if fault.check:
        seen = "warns beforehand" if fault.world else "sees a part of the causes"
        return f"{ends}; the check `{fault.check}` ({checks[fault.check]}) {seen}."
    return f"{ends}. No check can see it beforehand."
