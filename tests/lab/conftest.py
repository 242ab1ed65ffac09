"""Fixtures of the wire's tests: a lab with sockets, and a service without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pypsrp.powershell import RunspacePool
from pypsrp.wsman import WSMan

from snlm_lib.clock import FakeClock, SystemClock
from snlm_lib.lab.samba import SambaDomain, why_not
from snlm_lib.lab.server import LabServer
from snlm_lib.lab.service import WsmanService
from tests.lab.domain import describe
from tests.lab.toy_host import OPERATOR, PASSWORDS, Connect, ToyHost, local_wsman


@pytest.fixture(scope="session")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SambaDomain]:
    """A running Samba with the domain of `describe`, one for all who ask."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with SambaDomain.started(describe(), tmp_path_factory.mktemp("domain"), clock=SystemClock()) as running:
        yield running


@pytest.fixture
def toy() -> ToyHost:
    return ToyHost()


@pytest.fixture
def lab(toy: ToyHost, tmp_path: Path) -> Iterator[LabServer]:
    server = LabServer([toy], users=PASSWORDS, state_dir=tmp_path)
    server.start()
    yield server
    server.close()


@pytest.fixture
def connect(lab: LabServer) -> Iterator[Connect]:
    """A function that makes one more connection: ``connect(user=..., password=..., auth=..., port=...)``."""
    made: list[WSMan] = []

    def make(user: str = OPERATOR, password: str | None = None, *, auth: str = "ntlm", port: int = 0) -> WSMan:
        wsman = WSMan(
            "127.0.0.1",
            port=port or lab.ports["TOY01"],
            username=user,
            password=password or PASSWORDS[user],
            ssl=False,
            auth=auth,
            no_proxy=True,
            reconnection_retries=0,
        )
        made.append(wsman)
        return wsman

    yield make
    for wsman in made:
        wsman.close()


@pytest.fixture
def pool(connect: Connect) -> Iterator[RunspacePool]:
    with RunspacePool(connect(), max_runspaces=8) as opened:
        yield opened


@pytest.fixture
def service(toy: ToyHost) -> Iterator[WsmanService]:
    made = WsmanService(toy, clock=FakeClock())
    yield made
    made.close()


@pytest.fixture
def local_pool(service: WsmanService) -> RunspacePool:
    pool = RunspacePool(local_wsman(service), max_runspaces=8)
    pool.open()
    return pool
