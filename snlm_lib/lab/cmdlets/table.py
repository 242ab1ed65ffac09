"""The table of cmdlets: name -> function(context, bound parameters). Knows no single cmdlet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from snlm_lib.lab.binder import Bound, Signature, signature_of
from snlm_lib.lab.language import spoken
from snlm_lib.lab.pipeline import VIRTUAL_ACCOUNT, Caller, Sink
from snlm_lib.lab.values import LabRecord, Terminating
from snlm_lib.lab.world import LabHost, World

__all__ = ["TABLE", "Cmdlet", "Context", "Handler", "cmdlet"]

VIRTUALIZATION_EXCEPTION = "Microsoft.HyperV.PowerShell.VirtualizationException"
_HYPERV, _DENIED = "Hyper-V", 18
_SILENT = frozenset({"silentlycontinue", "ignore"})


@dataclass
class Context:
    """What a running cmdlet may use; one for each command of a pipeline."""

    world: World
    host: LabHost
    caller: Caller
    sink: Sink
    stop: threading.Event
    signature: Signature
    error_action: str = "continue"
    taken: int = field(default=0)  # objects that came in so far

    def record(
        self, message: str, error_id: str, category: int, *, target: str = "", exception: str = VIRTUALIZATION_EXCEPTION
    ) -> LabRecord:
        """An error record of this cmdlet; its class is put behind ``error_id``."""
        return LabRecord(
            message=spoken(self.host.locale, message),
            fq_error_id=f"{error_id},{self.signature.error_class}",
            category=category,
            exception_type=exception,
            command=self.signature.name,
            target=target,
            reason=exception.rsplit(".", 1)[-1],
        )

    def error(self, record: LabRecord) -> None:
        """A non-terminating error, as -ErrorAction has it; "Stop" makes it end the pipeline."""
        if self.error_action == "stop":
            raise Terminating(record)
        if self.error_action not in _SILENT:
            self.sink.error(record)


Handler = Callable[[Context, Bound], Iterator[object]]


@dataclass(frozen=True)
class Cmdlet:
    """``honours``: the parameters it really obeys; ``blocking``: it waits, so it may not hold the world's lock."""

    signature: Signature
    handler: Handler
    honours: frozenset[str]
    blocking: bool

    def check(self, bound: Bound) -> None:
        """Refuse what Windows would obey and the lab would ignore."""
        ignored = sorted(set(bound.values) - self.honours)
        if ignored:
            text = f"The lab does not simulate -{ignored[0]} of {self.signature.name}."
            raise self.signature.refuse("NotSimulated", text, category=11, target=ignored[0])


TABLE: dict[str, Cmdlet] = {}


def _authorised(handler: Handler) -> Handler:
    """Hyper-V answers administrators and Hyper-V Administrators only; a virtual account is one."""

    def run(context: Context, bound: Bound) -> Iterator[object]:
        host, caller = context.host, context.caller
        if context.signature.module != _HYPERV or caller.run_as == VIRTUAL_ACCOUNT or host.may_manage(caller.account):
            yield from handler(context, bound)
            return
        text = (
            "You do not have the required permission to complete this task. Contact the administrator of the "
            f"authorization policy for the computer '{host.name}'."
        )
        context.error(context.record(text, "AccessDenied", _DENIED, target=host.name))

    return run


def cmdlet(name: str, *, honours: tuple[str, ...] = (), blocking: bool = False) -> Callable[[Handler], Handler]:
    """Register a function as the cmdlet ``name``; its signature must stand in signatures.json."""
    signature = signature_of(name)
    if signature is None:
        raise LookupError(f"{name} has no signature")
    unknown = set(honours) - set(signature.parameters)
    if unknown:
        raise LookupError(f"{name} has no parameter {', '.join(sorted(unknown))}")

    def register(handler: Handler) -> Handler:
        TABLE[name.casefold()] = Cmdlet(signature, _authorised(handler), frozenset(honours), blocking)
        return handler

    return register
