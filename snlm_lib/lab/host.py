"""One simulated computer, as the wire sees it: runs a pipeline of commands over the world."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from snlm_lib.lab.binder import Binding, Bound, Signature
from snlm_lib.lab.cmdlets.catalogue import cmdlet_for, names_on
from snlm_lib.lab.cmdlets.elsewhere import elsewhere
from snlm_lib.lab.cmdlets.table import Cmdlet, Context
from snlm_lib.lab.cmdlets.wildcard import matches
from snlm_lib.lab.jea import Role, shipped_endpoint
from snlm_lib.lab.metadata import CommandFacts, ParameterFacts
from snlm_lib.lab.pipeline import Caller, Invocation, Sink
from snlm_lib.lab.values import EnumValue, LabRecord, Terminating
from snlm_lib.lab.world import LabHost, World

__all__ = ["LabComputer"]

_INVALID_ARGUMENT, _NOT_FOUND = 5, 13
_NOT_BOUND = (
    "The input object cannot be bound to any parameters for the command either because the command does not take "
    "pipeline input or the input and its properties do not match any of the parameters that take pipeline input."
)


class LabComputer:
    """Implements `pipeline.PipelineHost` for one computer of a world, behind one of its session configurations.

    Without ``role`` that is the administrators' own. ``run_as``: as whom the configuration runs.
    """

    def __init__(self, world: World, host: LabHost, *, role: Role | None = None, run_as: str = "") -> None:
        self.name = host.name
        self._world = world
        self._host = host
        self._role = role
        self._run_as = run_as

    def behind(self, configuration: str, caller: Caller) -> LabComputer | None:
        """Who answers in another session configuration; None: there is none. Raises PermissionError for a stranger."""
        endpoint = shipped_endpoint(self._host.kind, configuration)
        if endpoint is None:
            return None
        role = endpoint.role_of(self._world.groups_of(caller.user))
        if role is None:
            raise PermissionError(configuration)
        return LabComputer(self._world, self._host, role=role, run_as=endpoint.run_as)

    def run(self, caller: Caller, pipeline: Sequence[Invocation], sink: Sink, stop: threading.Event) -> None:
        """Run to the end; every command is bound before the first one starts."""
        caller = replace(caller, run_as=self._run_as)
        piped = pipeline[0].positional if pipeline and not pipeline[0].name else None
        stages = [self._prepare(invocation) for invocation in pipeline if invocation.name]
        flow: Iterator[object] | None = None if piped is None else iter(piped)
        for cmdlet, binding in stages:
            action = binding.common.get("ErrorAction", "continue")
            name = action.name if isinstance(action, EnumValue) else str(action)
            context = Context(self._world, self._host, caller, sink, stop, cmdlet.signature, name.casefold())
            flow = self._stage(context, cmdlet, binding, flow)
        for value in flow or ():
            if stop.is_set():
                return
            sink.output(value)

    def commands(self, patterns: Sequence[str]) -> list[CommandFacts]:
        """Implements `pipeline.Listing`."""
        wanted = [name for name in names_on(self._host) if any(matches(pattern, name) for pattern in patterns)]
        signatures = [self._visible(cmdlet.signature) for name in wanted if (cmdlet := cmdlet_for(self._host, name))]
        return [_facts(signature) for signature in signatures if signature is not None]

    def _prepare(self, invocation: Invocation) -> tuple[Cmdlet, Binding]:
        cmdlet = cmdlet_for(self._host, invocation.name)
        signature = self._visible(cmdlet.signature) if cmdlet is not None else None
        if cmdlet is None or signature is None:
            raise Terminating(_unknown_command(invocation.name))
        return cmdlet, Binding(signature, invocation)

    def _visible(self, signature: Signature) -> Signature | None:
        return signature if self._role is None else self._role.narrowed(signature)

    def _stage(
        self, context: Context, cmdlet: Cmdlet, binding: Binding, flow: Iterator[object] | None
    ) -> Iterator[object]:
        if flow is None:
            yield from self._call(context, cmdlet, binding.complete())
            return
        for item in flow:
            if context.stop.is_set():
                return
            context.taken += 1
            bound = binding.complete(item, piped=True)
            if bound is None:
                context.error(context.record(_NOT_BOUND, "InputObjectNotBound", _INVALID_ARGUMENT, target=str(item)))
                continue
            yield from self._call(context, cmdlet, bound)

    def _call(self, context: Context, cmdlet: Cmdlet, bound: Bound | None) -> Iterable[object]:
        """A cmdlet that only looks or sets holds the world still; one that waits must not."""
        gone = elsewhere(context, bound) if bound is not None else None
        if gone is None:
            return ()
        context, bound = gone
        cmdlet.check(bound)
        if cmdlet.blocking:
            return cmdlet.handler(context, bound)
        with self._world.lock:
            return tuple(cmdlet.handler(context, bound))


def _facts(signature: Signature) -> CommandFacts:
    parameters = signature.parameters.values()
    return CommandFacts(
        signature.name,
        signature.module,
        tuple(ParameterFacts(each.name, each.type, tuple(each.aliases)) for each in parameters),
    )


def _unknown_command(name: str) -> LabRecord:
    text = (
        f"The term '{name}' is not recognized as the name of a cmdlet, function, script file, or operable program. "
        "Check the spelling of the name, or if a path was included, verify that the path is correct and try again."
    )
    exception = "System.Management.Automation.CommandNotFoundException"
    return LabRecord(text, "CommandNotFoundException", _NOT_FOUND, exception, name, name, "CommandNotFoundException")
