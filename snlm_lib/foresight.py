"""What a change's file would take, asked now: both hosts are read, earlier records consulted, nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from snlm_lib.change.outlook import move_inputs
from snlm_lib.clock import Clock
from snlm_lib.errors import InputError, ParameterError, RemoteError
from snlm_lib.estate.connect import open_estate
from snlm_lib.estate.model import PairFacts
from snlm_lib.estate.survey import survey_pair
from snlm_lib.measure.forecast import Advice, Forecast, Forecaster, MoveInputs
from snlm_lib.parameters import ConnectionProfile, Parameters, connection_profile, outputs_root
from snlm_lib.process import still_runs
from snlm_lib.record.outlook import past_moves

__all__ = ["Foresight", "foresee", "told_of"]


@dataclass(frozen=True)
class Foresight:
    """A forecast, and what it was given."""

    facts: PairFacts
    wanted: Parameters
    given: MoveInputs
    model: Forecaster
    told: Forecast
    rehearsal: bool
    time_factor: float

    def advice(self) -> tuple[Advice, ...]:
        """What would shorten the move, the most first: a forecast for each."""
        return self.model.shorten(self.given)


def foresee(wanted: Parameters, *, clock: Clock) -> Foresight:
    """Survey both hosts and close the sessions again; changes nothing.

    Raises InputError for a connection or credential that is not there, and ParameterError for a machine that is not;
    RemoteError for a host that does not answer.
    """
    profile = connection_profile(wanted.connection, alive=still_runs)
    connection = open_estate(profile, wanted, clock=clock)
    try:
        facts = survey_pair(connection.estate, wanted.vm, clock)
    finally:
        connection.close()
    return told_of(facts, wanted, profile)


def told_of(
    facts: PairFacts, wanted: Parameters, profile: ConnectionProfile, *, outputs: Path | None = None
) -> Foresight:
    """The forecast for what was surveyed; a rehearsal learns from rehearsals of its scenario alone.

    ``outputs`` is where the records are, by default where they go. Raises as `foresee` for a machine that is not there.
    """
    _refuse_without_machine(facts, wanted)
    model = Forecaster.trained(past_moves(outputs or outputs_root(), lab=profile.lab))
    given = move_inputs(facts, wanted)
    return Foresight(facts, wanted, given, model, model.forecast(given), profile.rehearsal, profile.time_factor)


def _refuse_without_machine(facts: PairFacts, wanted: Parameters) -> None:
    if facts.vm is not None:
        return
    if facts.same_name_source is None:
        raise RemoteError(
            "does not list its machines to us", host=wanted.source, remedy="May the account read Hyper-V there?"
        )
    if facts.same_name_source > 1:
        raise ParameterError(
            f"{facts.same_name_source} machines are called {wanted.vm!r}",
            where=wanted.source,
            remedy="Give the GUID of the one that is meant as 'vm'.",
        )
    there = f"it is on {wanted.destination} already" if facts.same_name_destination else "no machine is called so"
    raise InputError(
        f"{wanted.vm!r} cannot be forecast: {there}", where=wanted.source, remedy="Look at 'vm', 'source'."
    )
