"""The lab as a process: ``python -m snlm_lib.lab --scenario FILE --state DIR [--parent PID]``.

Starts the guests and the simulated hosts, writes the descriptor when everything answers (with
``--announce`` also where everybody looks for it), and ends on SIGTERM or Ctrl-C, on a file ``stop`` in
its folder, or when its parent is gone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from snlm_lib.clock import Clock, SystemClock
from snlm_lib.errors import SnlmError
from snlm_lib.lab.accounts import Accounts
from snlm_lib.lab.announce import announce, withdraw
from snlm_lib.lab.directory_memory import MemoryDirectory
from snlm_lib.lab.guests import GuestProcess
from snlm_lib.lab.host import LabComputer
from snlm_lib.lab.kerberos import Kerberos
from snlm_lib.lab.listening import Listening
from snlm_lib.lab.samba import SambaDomain
from snlm_lib.lab.scenario import Scenario
from snlm_lib.lab.scenario_file import load_scenario
from snlm_lib.lab.scenario_world import build_world
from snlm_lib.lab.server import LabServer
from snlm_lib.lab.wire_faults import WirePlan
from snlm_lib.lab.wire_spec import own_wire
from snlm_lib.lab.world import World
from snlm_lib.process import ProcessIdentity, identity_of, on_terminate, write_atomic, write_private

__all__ = ["Lab", "Public", "main", "truth"]

_POLL_S = 0.1
_EXIT_BAD_INPUT = 2
_NOT_IN_TRUTH = ("pages_by_pass",)


def canonical(data: object) -> str:
    """JSON that is the same for the same data."""
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def truth(world: World) -> dict[str, Any]:
    """What really happened in every move so far, and which directory decided."""
    with world.lock:
        moves = [{k: v for k, v in asdict(each).items() if k not in _NOT_IN_TRUTH} for each in world.moves]
    return {
        "schema": "snlm.truth/1",
        "scenario": world.name,
        "directory": world.directory.kind,
        "moves": moves,
    }


@dataclass(frozen=True)
class Public:
    """How a lab shows itself beyond its folder: ``descriptor`` where it is looked for, and the first of
    its hosts' ports (the others follow); None: not at all, and any free ports."""

    descriptor: Path | None = None
    port_base: int | None = None


class Lab:
    """Guests, hosts and files of one scenario; a context manager that leaves nothing running."""

    def __init__(
        self, scenario: Scenario, state: Path, *, clock: Clock | None = None, public: Public | None = None
    ) -> None:
        self.world = build_world(scenario, clock=clock)
        self._state = state
        specs = {name: own_wire(scenario.wire, host.wire, name) for name, host in scenario.hosts.items()}
        specs = {host.name: specs.get(host.name, scenario.wire) for host in self.world.hosts.values()}
        self._listening = Listening(specs, list(self.world.hosts.values()), state, clock=self.world.clock)
        self._told = {"about": scenario.about, "parameters": scenario.parameters, "vantage": scenario.vantage}
        self._public = public or Public()
        self._faults = WirePlan(scenario.wire_faults, on_restart=self.world.restarted) if scenario.wire_faults else None
        self._operator = f"{scenario.domain.netbios}\\{scenario.domain.operator}"
        self._domain = scenario.domain
        self.realm: SambaDomain | None = None  # the real domain, where the scenario wants one
        self._realm_ends = contextlib.ExitStack()
        self._guests: dict[str, GuestProcess] = {}
        self._controls: dict[str, GuestProcess] = {}  # never silenced by a move, unless the path itself fails
        self._server: LabServer | None = None
        self._announced = False

    def __enter__(self) -> Lab:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._server is not None:
                self._server.close()  # nobody changes the world any more
            self._write("world-after.json", self.world.snapshot())
            self._write("truth.json", truth(self.world))
        finally:
            self.close()

    def close(self) -> None:
        """End sockets and guests, forget the password; safe to call twice."""
        if self._server is not None:
            self._server.close()
        for guest in (*self._guests.values(), *self._controls.values()):
            guest.stop()
        self._guests.clear()
        self._controls.clear()
        self._realm_ends.close()
        if self._announced and self._public.descriptor is not None:
            withdraw(self._public.descriptor, identity_of().pid)
            self._announced = False
        with contextlib.suppress(OSError):
            self._secret_file.unlink(missing_ok=True)
            self._listening.forget()

    def _start(self) -> None:
        self._state.mkdir(parents=True, exist_ok=True)
        for name in ("stop", "descriptor.json", "world-after.json", "truth.json"):
            (self._state / name).unlink(missing_ok=True)
        password = secrets.token_urlsafe(18)
        self.world.set_password(self._operator, password)
        self._open_directory(password)
        computers = [LabComputer(self.world, host) for host in self.world.hosts.values()]
        self._server = LabServer(
            computers,
            users=self._accounts(password),
            state_dir=self._state,
            wire=self._listening.wire(self._ports(), operator=self._operator, kerberos=self._kerberos()),
            faults=self._faults,
            clock=self.world.clock,
        )
        self._start_guests()
        self._server.start()
        write_private(self._secret_file, password)
        self._write("world-before.json", self.world.snapshot())
        descriptor = self._descriptor(self._server.ports)
        if self._public.descriptor is not None:
            announce(self._public.descriptor, canonical(descriptor))
            self._announced = True
        self._write("descriptor.json", descriptor)

    def _start_guests(self) -> None:
        """One for each living machine; and where there is one, the domain's controller answers as their neighbour."""
        for vm_id, name in self._living():
            self.world.guests[vm_id] = self._guests[name] = GuestProcess(name)
        if self._guests:
            self._controls[self._domain.controller] = GuestProcess(self._domain.controller)
            self.world.neighbours += self._controls.values()

    def _open_directory(self, password: str) -> None:
        """The domain as the scenario describes it: in memory as it is, or provisioned into Samba."""
        described = self.world.directory
        if isinstance(described, MemoryDirectory):
            described.set_password(self._domain.operator, password)
            if self._domain.directory == "samba":
                folder = self._realm_ends.enter_context(tempfile.TemporaryDirectory(prefix="snlm-domain-"))
                starting = SambaDomain.started(described, Path(folder) / "realm", clock=self.world.clock)
                self.realm = self._realm_ends.enter_context(starting)
                self.world.use_directory(self.realm.directory, stale_replica=self._domain.stale_replica)

    def _ports(self) -> dict[str, int]:
        """The wanted ports, in the order of the hosts; none wanted: free ones are taken."""
        base = self._public.port_base
        return {} if base is None else {host.name: base + place for place, host in enumerate(self.world.hosts.values())}

    def _kerberos(self) -> Kerberos | None:
        realm = self.realm
        return None if realm is None else Kerberos(realm.name, realm.krb5_conf, realm.keytab)

    def _accounts(self, password: str) -> Accounts:
        domain = self._domain
        return Accounts(
            {self._operator: password},
            realm=domain.dns.upper(),
            lock_out_after=domain.lock_out_after,
            states={self._operator: domain.operator_state},
        )

    @property
    def _secret_file(self) -> Path:
        return self._state / "operator.secret"

    def _living(self) -> list[tuple[Any, str]]:
        machines = [vm for host in self.world.hyperv_hosts() for vm in host.vms.values()]
        return [(vm.vm_id, vm.name) for vm in machines if vm.vm_id in self.world.guest_vms]

    def _write(self, name: str, data: object) -> None:
        write_atomic(self._state / name, canonical(data))

    def _descriptor(self, ports: dict[str, int]) -> dict[str, object]:
        me = identity_of()
        return {
            "schema": "snlm.lab/1",
            "scenario": self.world.name,
            "pid": me.pid,
            "process_started": me.started,
            "hosts": {
                name: {"address": "127.0.0.1", "port": port, **self._listening.entry(name)}
                for name, port in ports.items()
            },
            "directory": self._domain.management or self._domain.controller,
            "domain": {"directory": self.world.directory.kind, **self._realm_entry()},
            "user": self._operator,
            "secret": f"file:{self._secret_file.resolve()}",
            "guests": {name: _probed(guest) | self._ips(name) for name, guest in self._guests.items()},
            "controls": {name: _probed(guest) for name, guest in self._controls.items()},
            "truth_dir": str(self._state.resolve()),
            "time_factor": self.world.pace.time_factor,
            **self._told,
        }

    def _realm_entry(self) -> dict[str, str]:
        realm = self.realm
        return {} if realm is None else {"realm": realm.name, "kdc": realm.address, "krb5_conf": str(realm.krb5_conf)}

    def _ips(self, name: str) -> dict[str, object]:
        machines = (vm for host in self.world.hyperv_hosts() for vm in host.vms.values() if vm.name == name)
        ips = [address for vm in machines for adapter in vm.adapters for address in adapter.ip_addresses]
        return {"ips": ips}


def _probed(guest: GuestProcess) -> dict[str, object]:
    """How it is probed. Not by ICMP: a loopback address answers whatever its guest does."""
    return {
        "address": "127.0.0.1",
        "udp_port": guest.udp_port,
        "connect_port": guest.tcp_port,
        "connect_exchange": "echo",
        "tcp_port": guest.tcp_port,
    }


def wait_for_end(state: Path, parent: ProcessIdentity | None, ended: threading.Event) -> None:
    """Until told to end: by a signal (``ended``), the file ``stop``, or the parent's death."""
    while not ended.wait(_POLL_S):
        if (state / "stop").exists() or (parent is not None and not parent.alive()):
            return


def main(argv: Sequence[str] | None = None) -> int:
    """Run the lab; 0 when ended in order, 2 for a scenario, a folder or a port that will not do."""
    wanted = _words().parse_args(argv)
    ended = threading.Event()
    on_terminate(ended.set)
    public = Public(wanted.announce, wanted.port_base)
    try:
        parent = identity_of(wanted.parent) if wanted.parent is not None else None
        with Lab(load_scenario(wanted.scenario), wanted.state, clock=SystemClock(), public=public):
            wait_for_end(wanted.state, parent, ended)
    except (SnlmError, OSError) as error:
        print(f"{error}", file=sys.stderr)
        return _EXIT_BAD_INPUT
    return 0


def _words() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m snlm_lib.lab", description="simulated Hyper-V hosts")
    parser.add_argument("--scenario", type=Path, required=True, help="a scenario file (YAML)")
    parser.add_argument("--state", type=Path, required=True, help="folder for descriptor, secret and truth files")
    parser.add_argument("--parent", type=int, help="end when this process is gone")
    parser.add_argument(
        "--announce", type=Path, help="write the descriptor here too, unless a living lab's stands there"
    )
    parser.add_argument("--port-base", type=int, help="the first host's port, the others follow; default: free ones")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
