"""Command metadata as a client of implicit remoting gets them."""

from __future__ import annotations

from pypsrp.powershell import RunspacePool

from snlm_lib.clock import FakeClock
from snlm_lib.lab.clixml import to_clixml
from snlm_lib.lab.metadata import CommandFacts, ParameterFacts, command_count, command_metadata
from snlm_lib.lab.service import WsmanService
from tests.lab.toy_host import ToyHost, local_wsman

MOVE = CommandFacts(
    "Move-VM",
    "Hyper-V",
    (
        ParameterFacts("DestinationHost", "String"),
        ParameterFacts("VM", "VirtualMachine[]", ("Source",)),
        ParameterFacts("IncludeStorage", "SwitchParameter"),
        ParameterFacts("DestinationCredential", "PSCredential"),
    ),
)


class ListingHost(ToyHost):
    """A toy that tells its commands."""

    def commands(self, patterns: list[str]) -> list[CommandFacts]:
        return [MOVE] if "Move-VM" in patterns else []


def test_the_count_comes_first() -> None:
    text = to_clixml(command_count([MOVE, MOVE])).decode()
    assert text.startswith(
        '<Obj RefId="0"><TN RefId="0"><T>Selected.Microsoft.PowerShell.Commands.GenericMeasureInfo</T>'
    )
    assert text.endswith('<MS><I32 N="Count">2</I32></MS></Obj>')


def test_a_command_tells_its_parameters_two_levels_deep() -> None:
    text = to_clixml(command_metadata(MOVE), depth=2).decode()
    assert '<ToString>Cmdlet</ToString><I32>8</I32></Obj><Nil N="ResolvedCommandName" />' in text
    assert '<S N="ParameterType">System.String</S>' in text
    assert '<S N="ParameterType">VirtualMachine[]</S>' in text
    assert '<S N="ParameterType">System.Management.Automation.PSCredential</S>' in text
    assert "<LST><S>Source</S></LST>" in text
    assert text.count('<B N="SwitchParameter">true</B>') == 1


def test_a_client_gets_them() -> None:
    service = WsmanService(ListingHost(), clock=FakeClock())
    pool = RunspacePool(local_wsman(service))
    pool.open()
    [move] = pool.get_command_metadata(["Move-VM"])
    assert (move.name, len(move.parameters or ())) == ("Move-VM", 4)
    assert pool.get_command_metadata(["Get-Nothing"]) == []
    pool.close()
    service.close()
