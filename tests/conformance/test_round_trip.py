"""A value sent by the client's encoder, echoed by the lab's writer, read by the client's decoder."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pypsrp.powershell import PowerShell, RunspacePool

from snlm_lib.clock import FakeClock
from snlm_lib.lab.pipeline import Caller, Invocation, Sink
from snlm_lib.lab.service import WsmanService
from snlm_lib.remote.clixml import PlainSerializer
from snlm_lib.remote.encode import encode
from snlm_lib.remote.fragments import PlainFragmenter
from tests.lab.toy_host import local_wsman

_SEED = 20261123
_VALUES: tuple[object, ...] = (
    True, False, 0, -1, 2**31 - 1, -(2**31), 2**31, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1,
    0.1, -0.0, 1e300, 5e-324, float("inf"), float("-inf"),
    Decimal("1.10"), Decimal("-79228162514264337593543950335"), Decimal("0.0000000000000000000000000001"),
    b"", b"\x00\xff" * 40, UUID("5b1a3f0e-8f0c-4a53-9c51-2f3d7c1f0a11"),
    "", " ", "a\r\n\tb", "_x0041_", "_X005F_", "\U0001f600 und \U00010000", "\x00\x1f\x7f\x85\ufeff", "<&>'\"", "]]>",
    [], [1, [2, [3, None]]], {"a": 1, "b": [True, "x"]},
    {"msDS-AllowedToDelegateTo": ["cifs/HV02", "cifs/HV02.corp.example"]},
)  # fmt: skip


class EchoHost:
    """Gives back what it is given."""

    name = "ECHO01"

    def run(self, caller: Caller, pipeline: Sequence[Invocation], sink: Sink, stop: threading.Event) -> None:
        sink.output(pipeline[0].parameters["Value"])


@pytest.fixture(scope="module")
def pool() -> Iterator[RunspacePool]:
    service = WsmanService(EchoHost(), clock=FakeClock())
    opened = RunspacePool(local_wsman(service))
    serializer = PlainSerializer()
    opened._serializer = serializer
    opened._fragmenter = PlainFragmenter(opened.connection.max_payload_size, serializer)
    opened.open()
    yield opened
    opened.close()
    service.close()


def echoed(pool: RunspacePool, value: object) -> Any:
    [answer] = PowerShell(pool).add_cmdlet("Write-Echo").add_parameter("Value", encode(value)).invoke()
    return answer


@pytest.mark.parametrize("value", _VALUES, ids=repr)
def test_a_value_comes_back_as_it_went(pool: RunspacePool, value: object) -> None:
    answer = echoed(pool, value)
    assert answer == value
    assert type(answer) is type(value)


def test_not_a_number_comes_back_as_that(pool: RunspacePool) -> None:
    answer = echoed(pool, float("nan"))
    assert answer != answer


def test_any_text_comes_back_as_it_went(pool: RunspacePool) -> None:
    chance = random.Random(_SEED)
    letters = [*"_xX0041\r\n\t<&>\"'", "\x00", "\x1b", "\x9f", "\ufeff", "\U0001f600", "ä", "\u2028"]
    texts = ["".join(chance.choices(letters, k=chance.randrange(30))) for _ in range(300)]
    assert echoed(pool, texts) == texts


def test_any_whole_number_of_64_bits_comes_back_as_it_went(pool: RunspacePool) -> None:
    chance = random.Random(_SEED)
    numbers = [chance.choice((-1, 1)) * chance.getrandbits(chance.randrange(1, 64)) for _ in range(300)]
    assert echoed(pool, numbers) == numbers
