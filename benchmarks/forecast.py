"""Forecasts against what happened, on recorded moves.

    python benchmarks/forecast.py --set seoul --train ../shared/data/seoul_precopy_train.csv

    --set seoul|kherbache|qemu   which columns the files have
    --train FILE --test FILE     without --test the training file is split: its later half is the test
    --split chronological|leave-one-workload-out|hindsight
    --speed                      times 10,000 forecasts after the training file was learnt instead
    --json                       one object instead of the table

Each move of the test part is forecast before anything of its outcome is known, then learnt, in the order of time,
once it has ended: that is what the product does. ``frozen_...`` is the same without learning from the test part.
A workload left out is forecast by a model that has never seen one of its moves in training; ``frozen_...`` never sees
one at all, and ``first_moves_...`` scores only the first ten of each part, before much could be learnt. ``hindsight``
scores the training file's later half by models that know nine of ten rows of the whole file, those of the future too:
no honest forecast, but about the least error that these inputs leave room for.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snlm_lib.errors import InputError
from snlm_lib.measure.forecast import Forecast, Forecaster, MoveInputs, Outcome, Past

__all__ = ["Move", "Score", "main", "naive", "read_moves", "rehearse", "score", "speed"]

_MBIT_S = 8 * 2**20 / 1e6  # Mbit/s of one MiB/s
_GIGABIT_S = 941 / _MBIT_S  # goodput in MiB/s
_OFF = 0.25


@dataclass(frozen=True)
class Move:
    """One row: what was known, what happened, when it began (s); ``batch`` rows may be learnt from only together."""

    past: Past
    began: float
    rate_mib_s: float

    @property
    def workload(self) -> str:
        """The class, empty when there is none."""
        return self.past.inputs.workload or ""


def _seoul(row: Mapping[str, str], _number: int) -> Move:
    began, ram = float(row["started_unix_s"]), float(row["ram_mib"])
    took, cap = float(row["total_ms"]) / 1000, float(row["rate_cap_mib_s"])
    given = MoveInputs(
        platform="kvm",
        workload=row["workload"],
        ram_assigned_mib=ram,
        ram_demand_mib=ram,
        disk_used_mib=0,
        link_mbit_s=1000,
        rate_cap_mib_s=cap,
        dirty_mib_s=float(row["dirty_rate_pages_4k_s"]) * 4096 / 2**20,
    )
    outcome = Outcome(took, float(row["downtime_ms"]) / 1000, float(row["sent_kib"]) / 1024)
    return Move(Past(given, outcome, began + took), began, min(cap, _GIGABIT_S))


def _kherbache(row: Mapping[str, str], _number: int) -> Move:
    run = float(row["scenario"]) * 10 + float(row["run"])  # the moves of one run overlap: learnt when it is over
    hot, fill = float(row["hot_set_mb"]), float(row["hot_set_fill_s"])
    ram, link = float(row["mem_used_mb"]), float(row["allotted_rate_mbit_s"])
    given = MoveInputs(
        platform="kvm",
        workload="writers",
        ram_assigned_mib=ram,
        ram_demand_mib=ram,
        disk_used_mib=0,
        link_mbit_s=link,
        dirty_mib_s=hot / fill,
        dirty_window_s=fill,
        hot_set_mib=hot,
        cold_mib_s=float(row["cold_dirty_rate_mb_s"]),
    )
    outcome = Outcome(float(row["measured_duration_s"]))
    return Move(Past(given, outcome, run + 0.5), run, 0.941 * link / _MBIT_S)


def _qemu(row: Mapping[str, str], number: int) -> Move:
    rate, capped = float(row["rate_cap_mib_s"]), row["rate_cap_kind"] == "qemu_max_bandwidth"
    fill = float(row["fill_mib"])
    given = MoveInputs(
        platform="kvm",
        workload="",
        ram_assigned_mib=float(row["ram_mib"]),
        ram_demand_mib=fill,
        disk_used_mib=0,
        link_mbit_s=10_000 if capped else rate * _MBIT_S,
        rate_cap_mib_s=rate if capped else None,
        dirty_mib_s=float(row["dirty_rate_mib_s_measured_before"]),
        hot_set_mib=float(row["working_set_mib"]),
        allowed_pause_s=float(row["downtime_limit_ms"]) / 1000,
        max_passes=int(row["max_rounds"]),
    )
    took, pause, sent = (float(row[name]) for name in ("total_ms", "downtime_ms", "memory_sent_mib"))
    outcome = Outcome(took / 1000, pause / 1000, sent)
    return Move(Past(given, outcome, number + 0.5), float(number), rate)


SPLITS = ("chronological", "leave-one-workload-out", "hindsight")
SETS: Mapping[str, Callable[[Mapping[str, str], int], Move]] = {"seoul": _seoul, "kherbache": _kherbache, "qemu": _qemu}


def read_moves(path: Path, name: str) -> list[Move]:
    """The rows of a file in the order of time; raises InputError for a file that is none of that set."""
    moves = []
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            for number, row in enumerate(csv.DictReader(lines)):
                moves.append(_move(row, number, name, path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or "it is no table"
        raise InputError(f"cannot be read: {reason}", where=str(path), remedy="Give a CSV file of moves.") from error
    if not moves:
        raise InputError("has no rows", where=str(path), remedy="Give a CSV file of moves.")
    return sorted(moves, key=lambda move: move.began)


def _move(row: Mapping[str, str], number: int, name: str, path: Path) -> Move:
    try:
        return SETS[name](row, number)
    except KeyError as error:
        what = f"has no column {error.args[0]!r}, which the moves of {name} have"
        raise InputError(what, where=str(path), remedy="Is it a file of another --set?") from error
    except (ValueError, TypeError, ZeroDivisionError) as error:
        what = f"row {number + 1} holds something that is no number"
        raise InputError(what, where=str(path), remedy="Mend that row, or leave it out.") from error


def rehearse(train: Sequence[Move], test: Sequence[Move], *, learning: bool) -> list[Forecast]:
    """A forecast for each move of the test part; with ``learning`` each may use what had ended before it began."""
    model = Forecaster.trained([move.past for move in sorted(train, key=lambda move: move.past.ended_unix_s)])
    told, under_way = [], list[Past]()
    for move in test:
        over = [past for past in under_way if past.ended_unix_s <= move.began]
        for past in sorted(over, key=lambda past: past.ended_unix_s):
            model.learn(past)
        under_way = [past for past in under_way if past.ended_unix_s > move.began]
        told.append(model.forecast(move.past.inputs))
        if learning:
            under_way.append(move.past)
    return told


@dataclass(frozen=True)
class Score:
    """How far off: percent, milliseconds; None where the set has no such figure."""

    time_mape_percent: float
    time_median_error_percent: float
    rows_25_percent_off: float
    bytes_mape_percent: float | None
    pause_mae_ms: float | None
    inside_range_percent: float | None


Figures = tuple[Sequence[float], Sequence[float], Sequence[float]]  # seconds, MiB, seconds of pause


def score(figures: Figures, moves: Sequence[Move], inside: Sequence[bool] | None = None) -> Score:
    """The misses of time, bytes and pause."""
    happened = [(one.past.outcome.memory_s, one.past.outcome.memory_mib, one.past.outcome.pause_s) for one in moves]
    truth = np.array(happened, dtype=np.float64).T
    told = np.array(figures)
    off = np.abs(told / truth - 1) * 100
    pause = np.abs(told[2] - truth[2]) * 1000
    return Score(
        time_mape_percent=round(float(off[0].mean()), 2),
        time_median_error_percent=round(float(np.median(off[0])), 2),
        rows_25_percent_off=round(float((off[0] >= _OFF * 100).mean() * 100), 2),
        bytes_mape_percent=None if np.isnan(truth[1]).all() else round(float(np.nanmean(off[1])), 2),
        pause_mae_ms=None if np.isnan(truth[2]).all() else round(float(np.nanmean(pause)), 1),
        inside_range_percent=None if inside is None else round(100 * sum(inside) / len(inside), 1),
    )


def naive(moves: Sequence[Move]) -> Iterator[tuple[str, Score]]:
    """What everybody computes, each in the form that does best here: a limit of eight passes, a pause of 0.3 s."""
    for name, dirtied in _NAIVE.items():
        sent, rest = zip(*(_passes(move, dirtied) for move in moves), strict=True)
        rates = [move.rate_mib_s for move in moves]
        seconds, pauses = ([a / b for a, b in zip(one, rates, strict=True)] for one in (sent, rest))
        yield name, score((seconds, sent, pauses), moves)


def _saturating(ram: float, dirty: float, seconds: float) -> float:
    """One reading over a second, towards a writable set of a quarter of the memory (the best single share)."""
    dirty = min(dirty, 0.95 * ram)
    hot = max(0.25 * ram, 1.02 * dirty)
    slope = -hot * math.log1p(-dirty / hot)
    return hot * -math.expm1(-slope * seconds / hot)


_NAIVE: Mapping[str, Callable[[float, float, float], float]] = {
    "memory over link": lambda ram, dirty, seconds: 0.0,
    "geometric series": lambda ram, dirty, seconds: dirty * seconds,
    "saturating curve": _saturating,
}


def _passes(move: Move, dirtied: Callable[[float, float, float], float]) -> tuple[float, float]:
    """MiB sent in all, and in the pause."""
    ram, dirty = float(move.past.inputs.ram_demand_mib or 0), move.past.inputs.dirty_mib_s or 0.0
    volume, sent = ram, 0.0
    for _ in range(8):
        sent += volume
        volume = min(dirtied(ram, dirty, volume / move.rate_mib_s), ram)
        if volume <= 0.3 * move.rate_mib_s:
            break
    return sent + volume, volume


def _told(name: str, told: Sequence[Forecast], moves: Sequence[Move]) -> tuple[str, Score]:
    figures = (
        [one.memory_s.mid for one in told],
        [one.memory_mib.mid for one in told],
        [one.pause_s.mid for one in told],
    )
    inside = [one.memory_s.holds(move.past.outcome.memory_s or 0) for one, move in zip(told, moves, strict=True)]
    return name, score(figures, moves, inside)


def parts(train: list[Move], test: list[Move] | None, split: str) -> Iterator[tuple[list[Move], list[Move]]]:
    """Pairs of what may be learnt from and what is forecast."""
    if split == "leave-one-workload-out":
        rows = train if test is None else test
        for workload in sorted({move.workload for move in rows}):
            yield [one for one in train if one.workload != workload], [one for one in rows if one.workload == workload]
    elif split == "hindsight":
        for fold in range(_FOLDS):
            asked = [move for at, move in enumerate(train) if at % _FOLDS == fold and at >= len(train) // 2]
            yield [move for at, move in enumerate(train) if at % _FOLDS != fold], asked
    elif test is not None:
        yield train, test
    elif len(train) < _SCARCE:
        for number, move in enumerate(train):
            yield train[:number] + train[number + 1 :], [move]
    else:
        begins = sorted({move.began for move in train})
        middle = begins[len(begins) // 2]
        yield [one for one in train if one.began < middle], [one for one in train if one.began >= middle]


_FOLDS = 10
_FIRST = 10  # moves of a part that count as first
_SCARCE = 50  # rows of a training file below which each is left out in turn


def run(train: list[Move], test: list[Move] | None, split: str) -> dict[str, Score]:
    """Name of a model -> its score over all parts, ours first."""
    moves: list[Move] = []
    learnt: list[Forecast] = []
    frozen: list[Forecast] = []
    first: list[int] = []
    for known, asked in parts(train, test, split):
        first += range(len(moves), len(moves) + min(_FIRST, len(asked)))
        moves += asked
        learnt += rehearse(known, asked, learning=True)
        frozen += rehearse(known, asked, learning=False)
    early = _told("snlm first moves", [learnt[at] for at in first], [moves[at] for at in first])
    return dict([_told("snlm", learnt, moves), _told("snlm frozen", frozen, moves), early, *naive(moves)])


def _json(scores: Mapping[str, Score], rows: int, seconds: float) -> str:
    told: dict[str, object] = dict(vars(scores["snlm"]))
    told |= {f"frozen_{name}": value for name, value in vars(scores["snlm frozen"]).items()}
    told["first_moves_time_mape_percent"] = scores["snlm first moves"].time_mape_percent
    told |= {"rows": rows, "seconds": round(seconds, 1)}
    told["naive"] = {name: vars(one) for name, one in scores.items() if not name.startswith("snlm")}
    return json.dumps(told)


def _table(scores: Mapping[str, Score]) -> Iterator[str]:
    heads = ("time MAPE", "median", ">= 25 % off", "bytes MAPE", "pause MAE", "in range")
    units = ("%", "%", "%", "%", "ms", "%")
    yield f"{'':18}" + "".join(f"{head:>14}" for head in heads)
    for name, one in scores.items():
        cells = (
            "-" if value is None else f"{value:.1f} {unit}"
            for value, unit in zip(vars(one).values(), units, strict=True)
        )
        yield f"{name:18}" + "".join(f"{cell:>14}" for cell in cells)


_FOOTS = {
    "chronological": """
snlm: forecast first, then learnt from once the move has ended, in the order of time, as the product does.
snlm frozen: the same model, learning nothing from the rows it is scored on; first moves: the first ten of each part.
A file of less than 50 rows has each row forecast by a model that knows all others.""",
    "leave-one-workload-out": """
snlm: has met no move of the workload in training, and learns from each once it has ended, as the product does.
snlm frozen: never sees one of them; first moves: the first ten of each workload.""",
    "hindsight": """
The later half, forecast by models that know nine of ten rows of the whole file, those of the future too: no honest
forecast, but about the least error that these inputs leave room for.""",
}
_FOOT = """Range: the share of rows whose time lay inside the forecast's 10 to 90 % range; 80 is right.
These are KVM and QEMU moves: nothing here says how good a forecast is on Hyper-V."""


_ASKED = 10_000


def speed(train: Sequence[Move], asked: int = _ASKED) -> dict[str, float]:
    """Seconds for ``asked`` forecasts with their ranges, and ms of one of them."""
    model = Forecaster.trained([move.past for move in train])
    each = []
    for move in itertools.islice(itertools.cycle(train), asked):
        began = time.perf_counter()
        model.forecast(move.past.inputs)
        each.append(time.perf_counter() - began)
    return {
        "learned_moves": len(train),
        "forecasts": asked,
        "forecasts_s": sum(each),
        "one_ms_median": float(np.median(each)) * 1000,
        "one_ms_slowest_of_100": float(np.quantile(each, 0.99)) * 1000,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table, or one JSON object; 2 for a file that cannot be used."""
    try:
        return _main(arguments)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2


def _main(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--set", required=True, choices=SETS, dest="name")
    parser.add_argument("--train", required=True, type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--split", default="chronological", choices=SPLITS)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    train = read_moves(chosen.train, chosen.name)
    if chosen.speed:
        told = speed(train)
        print(json.dumps(told) if chosen.json else "\n".join(f"{name:26}{value:10.3f}" for name, value in told.items()))
        return 0
    test = None if chosen.test is None else read_moves(chosen.test, chosen.name)
    began = time.perf_counter()
    scores = run(train, test, chosen.split)
    rows = len(train if test is None else test)
    if chosen.json:
        print(_json(scores, rows, time.perf_counter() - began))
    else:
        print("\n".join([*_table(scores), _FOOTS[chosen.split], _FOOT, f"Rows in the file: {rows:,}."]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
