"""Memory passes: what was dirty and what was sent, pass by pass; shows whether the copy converged."""

from __future__ import annotations

import plotly.graph_objects as go

from snlm_lib.measure.passes import MemoryPass, memory_passes
from snlm_lib.measure.samples import Columns
from snlm_lib.record.charts.theme import COLOURS, blank, new_figure
from snlm_lib.units import MIB

__all__ = ["passes_figure"]

TITLE = "Memory passes"
_MOST_SINGLE = 40


def passes_figure(passes: Columns) -> go.Figure:
    """Dirty and sent memory of each pass; on a logarithmic axis when the first pass would hide the last.

    Dots, because a bar's length says nothing on a logarithmic axis.
    """
    found = memory_passes(passes)
    rows = (
        ("dirty memory", "dirty", [_mib(one.dirty_bytes) for one in found]),
        ("sent", "bytes", [_mib(one.sent_bytes) for one in found]),
    )
    known = [value for _, _, values in rows for value in values if value]
    if not known:
        return blank(TITLE, "no samples: the counters of the memory passes were not seen")
    figure = new_figure(TITLE, x=f"memory pass{_unseen(found)}", y="MiB")
    for name, colour, values in rows:
        figure.add_trace(_dots(name, COLOURS[colour], [one.number for one in found], values))
    if max(known) / min(known) > 50:
        figure.update_yaxes(type="log", title_text="MiB (logarithmic)", dtick=1)
    else:
        figure.update_yaxes(rangemode="tozero")
    if len(found) <= _MOST_SINGLE:
        figure.update_xaxes(tickmode="array", tickvals=[one.number for one in found])
    return figure


def _dots(name: str, colour: str, numbers: list[int], values: list[float | None]) -> go.Scatter:
    return go.Scatter(
        x=numbers,
        y=values,
        mode="lines+markers",
        connectgaps=False,  # what a pass sent may be unknown: no line pretends to know
        line={"color": colour, "width": 1.5},
        marker={"size": 9},
        name=f"{name}, MiB",
        hovertemplate=f"pass %{{x}}: %{{y:,.1f}} MiB {name}<extra></extra>",
    )


def _mib(count: int | None) -> float | None:
    return None if count is None else count / MIB


def _unseen(found: list[MemoryPass]) -> str:
    seen = {one.number for one in found}
    unseen = [str(number) for number in range(1, max(seen)) if number not in seen]
    return f" ({', '.join(unseen)}: too short to be sampled)" if 0 < len(unseen) <= 8 else ""
