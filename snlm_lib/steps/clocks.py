"""The hosts' clocks against this machine's, in 04 and again in 06: event times are as good as these."""

from __future__ import annotations

from snlm_lib.errors import InputError
from snlm_lib.estate.clocks import ClockOffset, clock_offsets
from snlm_lib.step import Step
from snlm_lib.units import thousandths

__all__ = ["drifted", "host_clocks"]

BEFORE_STEP = "04_start_ping_monitor"
_TABLE, _OFFSET, _WITHIN = "clocks", "ahead of this machine, s", "within ±, s"
_NOTICED_S = 0.1  # event times are told to the tenth


def host_clocks(step: Step) -> dict[str, float | None]:
    """Ask both hosts for their time; keeps a table and each side's offset. A host that does not tell is unknown."""
    try:
        sessions = step.connection.source, step.connection.destination
    except InputError as error:  # a secret that is not there stops who needs it, not who would only look
        step.say(f"The hosts' clocks were not asked: {error}")
        return {}
    source, destination = found = clock_offsets(sessions, step.clock)
    step.table(_TABLE, [_row(one) for one in found], caption="The hosts' clocks")
    step.keep(
        {
            "source_clock_offset_s": thousandths(source.offset_s),
            "destination_clock_offset_s": thousandths(destination.offset_s),
        }
    )
    return {one.host: one.offset_s for one in found}


def drifted(step: Step, now: dict[str, float | None]) -> list[str]:
    """A sentence for each host whose clock moved against ours since 04; nothing where either look is missing."""
    before = step.result_of(BEFORE_STEP)
    rows = before.tables.get(_TABLE, []) if before else []
    then = {str(row.get("host")): row.get(_OFFSET) for row in rows}
    told = []
    for host, offset_s in now.items():
        earlier = then.get(host)
        if offset_s is None or not isinstance(earlier, int | float) or abs(offset_s - earlier) < _NOTICED_S:
            continue
        told.append(
            f"The clock of {host} moved by {offset_s - earlier:+.1f} s against this machine's during the change:"
            " the times of its events are that uncertain."
        )
    return told


def _row(one: ClockOffset) -> dict[str, str | float | None]:
    return {"host": one.host, _OFFSET: thousandths(one.offset_s), _WITHIN: thousandths(one.plus_minus_s)}
