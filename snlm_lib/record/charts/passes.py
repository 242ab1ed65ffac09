"""Memory passes: what was dirty and what was sent, pass by pass; shows whether the copy converged."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go

from snlm_lib.record.charts.theme import COLOURS, blank, new_figure
from snlm_lib.record.samples import Columns, numbers
from snlm_lib.units import MIB

__all__ = ["PassSum", "pass_sums", "passes_figure"]

TITLE = "Memory passes"
PAGE_BYTES = 4096
_MOST_SINGLE = 40


@dataclass(frozen=True)
class PassSum:
    """One pass: the most dirty memory seen in it and what was sent during it, in MiB; unknown is None."""

    number: int
    dirty_mib: float | None
    sent_mib: float | None


def pass_sums(passes: Columns) -> list[PassSum]:
    """From pass_number, dirty_pages (of 4 KiB) and bytes_sent (a sum that only grows).

    A pass shorter than the time between two samples is not seen; what was sent in the next one is then unknown.
    """
    dirty: dict[int, list[float]] = {}
    sent: dict[int, list[float]] = {}
    columns = [numbers(passes, name) for name in ("pass_number", "dirty_pages", "bytes_sent")]
    for number, pages, count in zip(*columns, strict=False):
        if number is None:
            continue
        dirty.setdefault(int(number), []).extend([] if pages is None else [pages])
        sent.setdefault(int(number), []).extend([] if count is None else [count])
    found = []
    before = 0.0
    for number in sorted(dirty):
        top = max(sent[number], default=None)
        seen = number <= 1 or number - 1 in dirty
        share = None if top is None or top < before or not seen else (top - before) / MIB
        before = before if top is None else top
        pages = max(dirty[number], default=None)
        found.append(PassSum(number, None if pages is None else pages * PAGE_BYTES / MIB, share))
    return found


def passes_figure(passes: Columns) -> go.Figure:
    """Two bars a pass; a logarithmic axis when the first pass would hide the last."""
    found = pass_sums(passes)
    known = [value for one in found for value in (one.dirty_mib, one.sent_mib) if value]
    if not known:
        return blank(TITLE, "no samples: the counters of the memory passes were not seen")
    figure = new_figure(TITLE, x=f"memory pass{_unseen(found)}", y="MiB")
    for name, colour, values in (
        ("dirty memory", "dirty", [one.dirty_mib for one in found]),
        ("sent", "bytes", [one.sent_mib for one in found]),
    ):
        figure.add_trace(
            go.Bar(
                x=[one.number for one in found],
                y=values,
                name=f"{name}, MiB",
                marker={"color": COLOURS[colour]},
                hovertemplate=f"pass %{{x}}: %{{y:,.1f}} MiB {name}<extra></extra>",
            )
        )
    figure.update_layout(barmode="group", bargap=0.3)
    if max(known) / min(known) > 50:
        figure.update_yaxes(type="log", title_text="MiB (logarithmic)", dtick=1)
    if len(found) <= _MOST_SINGLE:
        figure.update_xaxes(tickmode="array", tickvals=[one.number for one in found])
    return figure


def _unseen(found: list[PassSum]) -> str:
    seen = {one.number for one in found}
    unseen = [str(number) for number in range(1, max(seen)) if number not in seen]
    return f" ({', '.join(unseen)}: too short to be sampled)" if 0 < len(unseen) <= 8 else ""
