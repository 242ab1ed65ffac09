"""The one schema of a change's parameters, spoken by everyone, and the door to what belongs to it.

Closed on purpose: an unknown key, a wrong type, a secret in clear is refused with one sentence that
names file and key, before anything else happens. Opens no socket and resolves no secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from snlm_lib.closed import Closed, FileName, Literally, WindowsFolder, Word, checked
from snlm_lib.connections import ConnectionProfile, GuestTarget, HostAddress, connection_profile
from snlm_lib.errors import ParameterError
from snlm_lib.places import connections_root, lab_descriptor_path, lab_identity, outputs_root, project_root
from snlm_lib.yaml_file import read_mapping

__all__ = [
    "ConnectionProfile",
    "GuestTarget",
    "HostAddress",
    "Parameters",
    "connection_profile",
    "connections_root",
    "lab_descriptor_path",
    "lab_identity",
    "load_parameters",
    "outputs_root",
    "parameters_markdown",
    "project_root",
    "rehearsal_parameters",
    "validate",
]

Apply = Literal["lab", "always", "never"]


class Parameters(Closed):
    """What a change may be told: the union over all notebooks, each with its lab default."""

    change_id: FileName = Field(
        "REHEARSAL", description="the change's number; names its folder: letters, digits, - and _, at most 40"
    )
    reason: Annotated[str, Field(max_length=500)] = Field("", description="why, in a sentence, for the record")
    connection: FileName = Field("lab", description="'lab', or the name of a file in parameters/connections")
    vm: Literally = Field("VM01", description="the machine's name, taken literally, or its GUID")
    source: Literally = Field("HV01", description="the host that runs the machine now")
    destination: Literally = Field("HV02", description="the host that shall run it")
    destination_path: WindowsFolder = Field(
        "D:\\Hyper-V\\VM01", description="folder on the destination for configuration, checkpoints and disks"
    )
    apply_settings: Apply = Field(
        "lab", description="may 01 change host settings: only in the lab, always, or never (then it shows them)"
    )
    apply_delegation: Apply = Field("lab", description="the same for 02 and delegation")
    authentication: Literal["Kerberos"] = Field("Kerberos", description="live-migration authentication wanted")
    performance: Literal["TCPIP", "Compression", "SMB"] = Field(
        "Compression", description="performance option wanted on both hosts"
    )
    maximum_vm_migrations: Annotated[int, Field(ge=1, le=16)] = Field(
        2, description="simultaneous live migrations wanted"
    )
    maximum_storage_migrations: Annotated[int, Field(ge=1, le=16)] = Field(
        2, description="simultaneous storage migrations wanted"
    )
    use_any_network: bool = Field(True, description="accept migrations on any network")
    probe_interval_ms: Annotated[int, Field(ge=10, le=1000)] = Field(100, description="time between probes, ms")
    probe_timeout_ms: Annotated[int, Field(ge=20, le=10000)] = Field(
        1000, description="an answer after this is late, ms"
    )
    baseline_s: Annotated[float, Field(ge=0, le=600)] = Field(3.0, description="probing before the move, s")
    tail_s: Annotated[float, Field(ge=0, le=600)] = Field(3.0, description="probing after the move, s")
    monitor_limit_s: Annotated[int, Field(ge=10, le=172800)] = Field(
        14400, description="the monitor ends by itself after this, s"
    )
    move_limit_s: Annotated[int, Field(ge=10, le=172800)] = Field(
        14400, description="05 stops watching after this, s; the move itself goes on"
    )
    window_min: Annotated[float, Field(ge=0, le=10080)] = Field(
        0.0, description="how long the move may take, min; 0: no limit"
    )
    pause_limit_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        0.0, description="how long the host may pause the machine, s; clients notice a little more; 0: no limit"
    )
    workload: Word = Field(
        "", description="what the machine does, in a word of yours (sql, web): moves of one kind teach each other"
    )
    poll_ms: Annotated[int, Field(ge=10, le=5000)] = Field(250, description="time between two looks at the move, ms")

    def subset(self, names: Iterable[str]) -> dict[str, Any]:
        """The values of ``names`` as plain scalars and lists, for papermill."""
        return {name: getattr(self, name) for name in names}

    @model_validator(mode="after")
    def _two_hosts(self) -> Parameters:
        if self.source.casefold() == self.destination.casefold():
            raise ValueError(f"source and destination are both {self.source[:60]!r}: name two different hosts")
        return self


def validate(values: Mapping[str, Any], *, where: str) -> Parameters:
    """Turn raw values into `Parameters`; raises ParameterError for the first thing wrong.

    ``where`` is what the sentence names: a file, or a notebook.
    """
    return checked(Parameters, values, where=where)


def load_parameters(path: Path) -> Parameters:
    """Read a change's YAML file; raises ParameterError with file and key."""
    return validate(read_mapping(path), where=str(path))


def rehearsal_parameters(base: Path, scenario: Path) -> Parameters:
    """The parameters of a rehearsal: those of the file ``base``, overlaid by the scenario's own ``parameters:``.

    Raises ParameterError with file and key.
    """
    own = read_mapping(scenario).get("parameters") or {}
    if not isinstance(own, dict):
        raise ParameterError("'parameters' must be a list of 'name: value' lines", where=str(scenario))
    shared = read_mapping(base)
    validate(shared, where=str(base))
    return validate({**shared, **own}, where=str(scenario))


def parameters_markdown() -> str:
    """The text of parameters/README.md, made from the schema so that it cannot disagree with it."""
    rows = [
        f"| `{name}` | {_type_words(field.annotation)} | `{field.default!r}` | {field.description} |"
        for name, field in Parameters.model_fields.items()
    ]
    return "\n".join(
        [
            "# Parameters",
            "",
            "Made by `make docs` from `snlm_lib/parameters.py`; a test compares them. An unknown name, a wrong",
            "type or a secret in clear is refused before anything starts. Every default points at the lab.",
            "",
            "| name | type | default | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
            "`scenarios/` holds what the lab can play; `connections/` says how real hosts are reached.",
            "",
        ]
    )


def _type_words(annotation: Any) -> str:
    arguments = getattr(annotation, "__args__", None)
    if arguments and all(isinstance(item, str) for item in arguments):
        return " or ".join(f"`{item}`" for item in arguments)
    return str(getattr(annotation, "__name__", annotation))
