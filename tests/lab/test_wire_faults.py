"""The plan of the wire's faults: which request it meets, and what a scenario may say of it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from snlm_lib.errors import LabError
from snlm_lib.lab.scenario_file import load_scenario
from snlm_lib.lab.wire_faults import KINDS, SIGN_ON, Seen, WireFault, WirePlan
from snlm_lib.lab.wsman import SHELL_URI

SHELL = 'xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"'
ENVELOPE = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"><s:Header><a:Action>{action}</a:Action></s:Header>'
    "<s:Body>{body}</s:Body></s:Envelope>"
)


def command(cmdlet: str, command_id: str = "C1") -> bytes:
    data = base64.b64encode(f'<S N="Cmd">Get-VM</S> <S N="Cmd">{cmdlet}</S>'.encode()).decode()
    body = f'<rsp:CommandLine {SHELL} CommandId="{command_id}"><rsp:Arguments>{data}</rsp:Arguments></rsp:CommandLine>'
    return ENVELOPE.format(action=f"{SHELL_URI}/Command", body=body).encode()


def receive(command_id: str = "C1") -> bytes:
    body = f'<rsp:Receive {SHELL}><rsp:DesiredStream CommandId="{command_id}">stdout</rsp:DesiredStream></rsp:Receive>'
    return ENVELOPE.format(action=f"{SHELL_URI}/Receive", body=body).encode()


def test_a_plan_counts_among_the_requests_a_fault_asks_about() -> None:
    fault = WireFault("cut-after", host="hv01", action="Receive", command="move-vm", request=2, times=2)
    plan = WirePlan([fault])
    assert plan.meets("HV01", command("Move-VM")) is None
    assert plan.meets("HV02", receive()) is None
    assert [plan.meets("HV01", receive()) for _ in range(4)] == [None, fault, fault, None]
    assert plan.meets("HV01", receive("OTHER")) is None
    assert plan.seen[0] == Seen("HV01", "Command", "Move-VM")
    assert plan.seen[2] == Seen("HV01", "Receive", "Move-VM")


def test_without_a_filter_the_ordinal_is_that_of_the_whole_run() -> None:
    fault = WireFault("busy", request=3)
    plan = WirePlan([fault])
    assert [plan.meets("DC01", b""), plan.meets("HV01", b"nonsense"), plan.meets("HV01", receive())][2] is fault
    assert [seen.action for seen in plan.seen] == [SIGN_ON, "", "Receive"]


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("{what: explode}", "no fault of the wire"),
        ("{what: stall, host: HV09}", "no host is called 'HV09'"),
        ("{what: stall, action: Pull}", "'Pull' is no action"),
        ("{what: stall, request: 0}", "count from 1"),
        ("{what: stall, often: 2}", "often"),
    ],
)
def test_a_scenario_says_it_rightly_or_is_refused_by_name(tmp_path: Path, said: str, named: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"schema: snlm.scenario/1\nbased_on: quick\nwire_faults: [{said}]\n", encoding="utf-8")
    with pytest.raises(LabError, match=named) as caught:
        load_scenario(file)
    assert "wire_faults" in str(caught.value)


def test_every_kind_can_be_asked_for_in_a_scenario(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    rows = "\n".join(f"  - {{what: {kind}, host: DC01, action: SignOn, seconds: 0.5}}" for kind in KINDS)
    file.write_text(f"schema: snlm.scenario/1\nbased_on: quick\nwire_faults:\n{rows}\n", encoding="utf-8")
    assert [fault.what for fault in load_scenario(file).wire_faults] == list(KINDS)
