"""Every parser by data: ``tests/facts/<what is asked>/<case>.json`` holds the source of its shape,
the answer as decoded, and the model that must come of it.

Marks in an answer: ``$enum`` [name, number], ``$guid``, ``$utc``, ``$seconds``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from snlm_lib.estate import facts
from snlm_lib.remote.clixml import PsEnum, PsObject
from snlm_lib.units import iso_utc, parse_utc

FOLDER = Path(__file__).parent.parent / "facts"
CASES = sorted(FOLDER.glob("*/*.json"))

READERS: dict[str, Callable[..., object]] = {
    "Get-ADComputer": lambda answer, **named: facts.delegation(answer[0], **named),
    "Get-Counter": lambda answer, **named: facts.counters(answer, **named),
    "Get-NetFirewallRule": lambda answer, **named: facts.firewall_enabled(answer, **named),
    "Get-VM": lambda answer, host, parts: facts.vm(
        answer[0], host=host, parts={key: bags(part) for key, part in parts.items()}
    ),
    "Get-VM-status": lambda answer, **named: facts.vm_status(answer[0], **named),
    "Get-VMDvdDrive": facts.images,
    "Get-VMHardDiskDrive": lambda answer: facts.disks(*answer),
    "Get-VMHost": lambda answer: facts.settings(answer[0]),
    "Get-VMIntegrationService": lambda answer: [facts.integration(bag) for bag in answer],
    "Get-VMNetworkAdapter": lambda answer: [facts.adapter(bag) for bag in answer],
    "Get-VMSnapshot": lambda answer: [facts.checkpoint(bag) for bag in answer],
    "Get-Volume": facts.volumes,
    "Get-WinEvent": lambda answer, host: facts.event(
        answer[0][0], host=host, event_values=facts.event_values(answer[1])
    ),
    "MSFT_NetAdapter": lambda answer: facts.links(*answer),
    "Measure-VM": facts.written_bytes_s,
    "Msvm_MigrationJob": lambda answer, **named: facts.job(answer[0], **named),
    "Resolve-DnsName": facts.peer_address,
    "Test-NetConnection": lambda answer, **named: facts.port(answer, **named),
}
MARKS: dict[str, Callable[[Any], object]] = {
    "$enum": lambda pair: PsEnum(("System.Enum",), *pair),
    "$guid": UUID,
    "$utc": parse_utc,
    "$seconds": lambda length_s: timedelta(seconds=length_s),
}


def bags(answer: Any) -> list[Any]:
    """JSON's objects as the decoder would give them."""
    return [bags(item) if isinstance(item, list) else bag(item) for item in answer]


def bag(properties: Mapping[str, Any]) -> PsObject:
    return PsObject(properties={key: value(item) for key, item in properties.items()})


def value(item: Any) -> object:
    if isinstance(item, list):
        return [value(each) for each in item]
    if isinstance(item, dict):
        ((mark, content),) = item.items()
        return MARKS[mark](content)
    return item


def plain(model: object) -> object:
    """A model as JSON would hold it."""
    if dataclasses.is_dataclass(model) and not isinstance(model, type):
        return {key: plain(item) for key, item in dataclasses.asdict(model).items()}
    if isinstance(model, dict):
        return {key: plain(item) for key, item in model.items()}
    if isinstance(model, list | tuple):
        return [plain(item) for item in model]
    if isinstance(model, datetime):
        return iso_utc(model)
    return str(model) if isinstance(model, UUID) else model


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_answer_becomes_the_model(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    assert len(case["source"]) > 20, "every shape says where it comes from"
    read = READERS[path.parent.name]
    assert plain(read(bags(case["answer"]), **case["arguments"])) == case["expected"]


def test_every_reader_has_a_case_and_every_case_a_reader() -> None:
    assert {path.parent.name for path in CASES} == set(READERS)


def test_a_machine_without_an_id_is_no_machine() -> None:
    with pytest.raises(ValueError, match="without Id"):
        facts.vm(PsObject(), host="HV01", parts={})
