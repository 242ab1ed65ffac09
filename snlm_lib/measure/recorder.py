"""The monitor's inside: a configuration, the probe engine, and the CSV its rows go to until it is told to end.

Knows no record but the paths it is given, and no journal; it starts and stops no process.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from snlm_lib.clock import Clock
from snlm_lib.errors import ParameterError
from snlm_lib.measure.channels import Outside
from snlm_lib.measure.ping_file import FLUSH_S, PingFile, PingHeader, TargetFacts
from snlm_lib.measure.probes import Engine, ProbeTarget, Timing
from snlm_lib.process import ProcessIdentity, identity_of, write_atomic
from snlm_lib.units import iso_utc

__all__ = ["FAILED", "STATE_SCHEMA", "EndReason", "MonitorConfig", "Recorder", "read_config"]

STATE_SCHEMA = "snlm.monitor/1"
ASKED_GRACE_S = 2.0  # how long outstanding answers are waited for when the operating system wants us gone

EndReason = Literal["stop-file", "limit", "terminated", "starter-gone", "record-gone", "write-failed"]
FAILED: tuple[EndReason, ...] = ("record-gone", "write-failed")
_BALLAST_BYTES = 16384  # let go when the disk is full, so that the last rows and the reason still fit


@dataclass(frozen=True)
class MonitorConfig:
    """What the monitor process is told, as it stands in its JSON file.

    ``starter`` is who waits for it to say that it probes; None when nobody does. ``vantage`` is the name of the
    machine it measures from; ``clock_offsets_s`` each host's clock minus this machine's, None where unknown.
    """

    targets: tuple[ProbeTarget, ...]
    interval_ms: int
    timeout_ms: int
    pings_csv: Path
    state_json: Path
    stop_file: Path
    limit_s: float
    starter: ProcessIdentity | None = None
    vantage: str = ""
    clock_offsets_s: Mapping[str, float | None] = field(default_factory=dict)

    def to_json(self) -> str:
        """The text of the file."""
        plain: dict[str, Any] = asdict(self)
        plain |= {key: str(plain[key]) for key in ("pings_csv", "state_json", "stop_file")}
        return json.dumps(plain, indent=2, sort_keys=True) + "\n"

    def digest(self) -> str:
        """SHA-256 of that text: which configuration a state file speaks of."""
        return hashlib.sha256(self.to_json().encode("utf-8")).hexdigest()


def read_config(path: Path) -> MonitorConfig:
    """Read what `MonitorConfig.to_json` wrote; raises ParameterError naming the file."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        raw["targets"] = tuple(ProbeTarget(**target) for target in raw["targets"])
        raw |= {key: Path(raw[key]) for key in ("pings_csv", "state_json", "stop_file")}
        if raw.get("starter"):
            raw["starter"] = ProcessIdentity(**raw["starter"])
        return MonitorConfig(**raw)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ParameterError(f"not a monitor configuration: {error}", where=str(path)) from error


def _let_go(ballast: Path) -> None:
    with suppress(OSError):  # gone with its folder, or held by an antivirus: it is only weight
        ballast.unlink()


class Recorder:
    """Probes and writes until the stop file appears, the limit passes, or `terminate` is called."""

    def __init__(
        self, config: MonitorConfig, clock: Clock, *, log: Callable[[str], None], outside: Outside | None = None
    ) -> None:
        self._config = config
        self._outside = outside
        self._clock = clock
        self._out = log
        self._asked = False

    def say(self, line: str) -> None:
        """One line to the log, with its moment."""
        self._out(f"{iso_utc(self._clock.utc_now())} {line}")

    def terminate(self) -> None:
        """The operating system wants this process gone: end soon, with what is known by then."""
        self._asked = True

    def run(self) -> EndReason:
        """Probe until the end and say why it ended; raises OSError when it cannot even begin."""
        config = self._config
        timing = Timing(config.interval_ms / 1000, config.timeout_ms / 1000)
        engine = Engine(config.targets, timing, clock=self._clock, log=self.say, outside=self._outside)
        try:
            file = PingFile(config.pings_csv, self._header(engine), self._clock)
        except OSError:
            engine.close()
            raise
        state, left = self._state(engine), 0
        ballast = config.state_json.with_name("ballast")
        try:
            ballast.write_bytes(os.urandom(_BALLAST_BYTES))
            write_atomic(config.state_json, json.dumps(state, indent=2, sort_keys=True) + "\n")
            self.say(f"probing {len(config.targets)} target(s) every {config.interval_ms} ms")
            reason = self._probe(engine, file)
            self._wind_down(engine, file, reason)
            rows, left = engine.close()
            file.write(rows)
            file.flush()
        except OSError as error:
            _let_go(ballast)
            reason = "record-gone" if isinstance(error, FileNotFoundError) else "write-failed"
            self.say(f"cannot write the samples any more: {error}")
        finally:
            file.close()
            engine.close()
            _let_go(ballast)
        self.say(f"ended: {reason}; {file.written} rows, {left} probes still under way")
        self._tell_end(state, reason, file.written)
        return reason

    def _header(self, engine: Engine) -> PingHeader:
        config = self._config
        return PingHeader(
            vantage=config.vantage,
            started_utc=iso_utc(engine.started_utc),
            started_monotonic_s=engine.started_s,
            interval_ms=config.interval_ms,
            timeout_ms=config.timeout_ms,
            targets=tuple(
                TargetFacts(one.name, one.role, one.address, engine.kinds[one.name], one.exchanges())
                for one in config.targets
            ),
            resolution_ms=config.interval_ms,
            clock_offsets_s=config.clock_offsets_s,
        )

    def _state(self, engine: Engine) -> dict[str, Any]:
        me = identity_of()
        return {
            "schema": STATE_SCHEMA,
            "pid": me.pid,
            "started": me.started,
            "started_monotonic_s": engine.started_s,
            "started_utc": iso_utc(engine.started_utc),
            "interval_ms": self._config.interval_ms,
            "timeout_ms": self._config.timeout_ms,
            "limit_s": self._config.limit_s,
            "config_sha256": self._config.digest(),
            "kinds": {name: list(kinds) for name, kinds in engine.kinds.items()},
            "stop_file": self._config.stop_file.name,
            "pings_csv": self._config.pings_csv.name,
            "end": None,
            "ended_utc": None,
            "rows": None,
        }

    def _probe(self, engine: Engine, file: PingFile) -> EndReason:
        starter = self._config.starter
        # after our state is on disk: whoever looks for us once the starter is dead either finds us or we end here
        if starter is not None and not starter.alive():
            return "starter-gone"
        looked_s = -FLUSH_S
        turn_s = min(FLUSH_S, self._config.timeout_ms / 2000)
        while True:
            if self._asked:
                return "terminated"
            now_s = engine.elapsed_s()
            if now_s >= self._config.limit_s:
                return "limit"
            if now_s - looked_s >= FLUSH_S:
                looked_s = now_s
                if self._config.stop_file.exists():
                    return "stop-file"
            file.write(engine.turn(turn_s))

    def _wind_down(self, engine: Engine, file: PingFile, reason: EndReason) -> None:
        engine.stop_sending()
        patience_s = ASKED_GRACE_S if reason == "terminated" else self._config.timeout_ms / 1000 + FLUSH_S
        until_s = engine.elapsed_s() + patience_s
        while not engine.settled() and engine.elapsed_s() < until_s:
            file.write(engine.turn(min(FLUSH_S, self._config.timeout_ms / 4000)))

    def _tell_end(self, state: dict[str, Any], reason: EndReason, rows: int) -> None:
        state |= {"end": reason, "ended_utc": iso_utc(self._clock.utc_now()), "rows": rows}
        try:
            write_atomic(self._config.state_json, json.dumps(state, indent=2, sort_keys=True) + "\n")
        except OSError as error:
            self.say(f"cannot write the state: {error}")
