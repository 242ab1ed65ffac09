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
    """Two bars a pass; a logarithmic axis when the first pass would hide the last."""
    found = memory_passes(passes)
    known = [value for one in found for value in (_mib(one.dirty_bytes), _mib(one.sent_bytes)) if value]
    if not known:
        return blank(TITLE, "no samples: the counters of the memory passes were not seen")
    figure = new_figure(TITLE, x=f"memory pass{_unseen(found)}", y="MiB")
    for name, colour, values in (
        ("dirty memory", "dirty", [_mib(one.dirty_bytes) for one in found]),
        ("sent", "bytes", [_mib(one.sent_bytes) for one in found]),
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


def _mib(count: int | None) -> float | None:
    return None if count is None else count / MIB


def _unseen(found: list[MemoryPass]) -> str:
    seen = {one.number for one in found}
    unseen = [str(number) for number in range(1, max(seen)) if number not in seen]
    return f" ({', '.join(unseen)}: too short to be sampled)" if 0 < len(unseen) <= 8 else ""
