"""The world's tests: a world on a fake clock, and an asker that runs pipelines on its computers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.lab.host import LabComputer
from snlm_lib.lab.pipeline import Caller, Invocation
from snlm_lib.lab.scenario_file import load_scenario
from snlm_lib.lab.scenario_world import build_world
from snlm_lib.lab.values import Credential, LabRecord, PsValue, Terminating
from snlm_lib.lab.world import LabHost, VirtualMachine, World

SCENARIOS = Path(__file__).parents[3] / "parameters" / "scenarios"
OPERATOR = Credential("CORP\\operator", "Lab-Passw0rd")
Command = tuple[str, Mapping[str, object]]


@dataclass
class RecordingSink:
    """A sink that keeps all it was told; ``stop_at`` sets the stop event at that percent."""

    output_values: list[Any] = field(default_factory=list)
    errors: list[LabRecord] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    progress_seen: list[tuple[str, int, bool]] = field(default_factory=list)
    failure: LabRecord | None = None

    def output(self, value: object) -> None:
        self.output_values.append(value)

    def error(self, record: LabRecord) -> None:
        self.errors.append(record)

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def verbose(self, text: str) -> None:
        self.warnings.append(f"verbose: {text}")

    def progress(self, activity: str, status: str, percent: int, *, completed: bool = False) -> None:
        self.progress_seen.append((status, percent, completed))

    @property
    def one(self) -> PsValue:
        """The only object; fails when there are more or fewer."""
        assert len(self.output_values) == 1, (self.output_values, self.errors, self.failure)
        value = self.output_values[0]
        assert isinstance(value, PsValue)
        return value

    @property
    def fq_error_ids(self) -> list[str]:
        ended = [self.failure] if self.failure is not None else []
        return [record.fq_error_id for record in (*self.errors, *ended)]

    def column(self, name: str) -> list[object]:
        """One property of every object."""
        return [value.properties[name] for value in self.output_values]


@dataclass
class Lab:
    """A world and its computers, asked without any wire."""

    world: World
    protocol: str = "ntlm"

    def ask(self, host: str, *commands: Command, stop: threading.Event | None = None) -> RecordingSink:
        sink = RecordingSink()
        pipeline = [Invocation(name, parameters) for name, parameters in commands]
        caller = Caller(OPERATOR.user, self.protocol)
        try:
            LabComputer(self.world, self.host(host)).run(caller, pipeline, sink, stop or threading.Event())
        except Terminating as ended:
            sink.failure = ended.record
        return sink

    def host(self, name: str) -> LabHost:
        found = self.world.host(name)
        assert found is not None
        return found

    def vm(self, name: str) -> VirtualMachine:
        machines = [vm for host in self.world.hyperv_hosts() for vm in host.vms.values()]
        return next(vm for vm in machines if vm.name == name)

    def prepare(self) -> None:
        """What 01 and 02 do: migration on, Kerberos, delegation both ways with any protocol."""
        for name, peer in (("HV01", "HV02"), ("HV02", "HV01")):
            migration = self.host(name).migration
            migration.enabled, migration.authentication, migration.use_any_network = True, "Kerberos", True
            account = self.world.directory.accounts[name.casefold()]
            services = ("cifs", "Microsoft Virtual System Migration Service")
            account.delegate_to = [f"{service}/{peer}" for service in services]
            account.user_account_control |= 0x1000000

    def move(self, **more: object) -> RecordingSink:
        """Move VM01 from HV01 to HV02 as the client does."""
        parameters: dict[str, object] = {
            "DestinationHost": "HV02",
            "DestinationCredential": OPERATOR,
            "IncludeStorage": True,
            "DestinationStoragePath": "D:\\Hyper-V\\VM01",
            "Confirm": False,
        }
        wanted = {key: value for key, value in (parameters | more).items() if value is not None}
        return self.ask("HV01", ("Get-VM", {"Id": self.vm("VM01").vm_id}), ("Move-VM", wanted))


def make_lab(name: str = "quick") -> Lab:
    """A world of a shipped scenario on a clock that takes no time."""
    world = build_world(load_scenario(SCENARIOS / f"{name}.yaml"), clock=FakeClock())
    world.set_password(OPERATOR.user, OPERATOR.password)
    return Lab(world)


@pytest.fixture
def lab() -> Lab:
    return make_lab()


@pytest.fixture
def ready(lab: Lab) -> Lab:
    """A lab in which a move may go."""
    lab.prepare()
    return lab


def until(condition: Callable[[], bool], *, within_s: float = 10.0) -> bool:
    """Poll a condition; False when the time is up."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            return False
        threading.Event().wait(0.01)
    return True


class CountingGuest:
    """A guest that counts its silences on the world's clock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.since_s: float | None = None
        self.ended: list[float] = []

    def silence(self, *, held: bool = False) -> None:
        self.held = held
        self.since_s = self._world.clock.monotonic_s()

    def answer(self) -> float | None:
        assert self.since_s is not None
        self.ended.append(self._world.clock.monotonic_s() - self.since_s)
        return self.ended[-1]

    def echo(self, timeout_s: float) -> float | None:
        if self.since_s is None:
            return 0.0004
        self._world.clock.sleep(timeout_s)
        return None

    def quarantine(self) -> None:
        self.quarantined_s = self._world.clock.monotonic_s()

    def release(self) -> float | None:
        return self._world.clock.monotonic_s() - self.quarantined_s
