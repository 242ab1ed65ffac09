"""The one schema of a change's parameters and of a connection profile, spoken by everyone.

Closed on purpose: an unknown key, a wrong type, a secret in clear is refused with one sentence that
names file and key, before anything else happens. Opens no socket and resolves no secret.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from snlm_lib.errors import LabError, ParameterError

__all__ = [
    "ConnectionProfile",
    "GuestTarget",
    "HostAddress",
    "Parameters",
    "connection_profile",
    "lab_descriptor_path",
    "lab_identity",
    "load_parameters",
    "outputs_root",
    "parameters_markdown",
    "project_root",
    "rehearsal_parameters",
    "validate",
]

_SECRET_KEY = re.compile(r"pass(word|wd|phrase)?$|secret$|token$|pwd$|api_?key$", re.IGNORECASE)
_REFERENCE = r"^(env|keyring|file|prompt):"
Apply = Literal["lab", "always", "never"]
Name = Annotated[str, Field(min_length=1, max_length=255)]
Alive = Callable[[int, float], bool]


class Parameters(BaseModel):
    """What a change may be told: the union over all notebooks, each with its lab default."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    change_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")] = Field(
        "REHEARSAL", description="the change's number; names its folder: letters, digits, - and _, at most 40"
    )
    reason: Annotated[str, Field(max_length=500)] = Field("", description="why, in a sentence, for the record")
    connection: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")] = Field(
        "lab", description="'lab', or the name of a file in parameters/connections"
    )
    vm: Name = Field("VM01", description="the machine's name, taken literally, or its GUID")
    source: Name = Field("HV01", description="the host that runs the machine now")
    destination: Name = Field("HV02", description="the host that shall run it")
    destination_path: Annotated[str, Field(pattern=r"^[A-Za-z]:\\[^<>\"|?*/]*$", max_length=200)] = Field(
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
    probe_interval_ms: Annotated[int, Field(ge=20, le=1000)] = Field(100, description="time between probes, ms")
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
    poll_ms: Annotated[int, Field(ge=10, le=5000)] = Field(250, description="time between two looks at the move, ms")

    def subset(self, names: Iterable[str]) -> dict[str, Any]:
        """The values of ``names`` as plain scalars and lists, for papermill."""
        return {name: getattr(self, name) for name in names}


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class HostAddress(_Closed):
    """Where a host's WS-Management service answers, and how we sign on."""

    address: Name
    port: Annotated[int, Field(ge=1, le=65535)] = 5985
    scheme: Literal["http", "https"] = "http"
    auth: Literal["negotiate", "kerberos", "ntlm", "basic"] = "kerberos"
    ca: str | None = None  # https: a PEM file with the only authority trusted; None: this machine's own


class GuestTarget(_Closed):
    """What the monitor probes: an address and the ports of a UDP echo and of a TCP line exchange."""

    address: Name
    udp_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tcp_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    ips: list[str] = []  # addresses the machine must still have afterwards


class ConnectionProfile(_Closed):
    """How to reach the hosts of a change. ``secret`` fields are references, never secrets."""

    name: str
    rehearsal: bool = False
    hosts: dict[str, HostAddress]
    directory: str | None = None
    user: Name
    secret: Annotated[str, Field(pattern=_REFERENCE)]
    directory_user: str | None = None
    directory_secret: Annotated[str, Field(pattern=_REFERENCE)] | None = None
    guests: dict[str, GuestTarget] = {}
    truth_dir: str | None = None

    def host(self, name: str) -> HostAddress:
        """The address of ``name``; raises ParameterError when the profile does not list it."""
        for known, address in self.hosts.items():
            if known.casefold() == name.casefold():
                return address
        raise ParameterError(
            f"connection {self.name!r} has no host called {name!r}",
            remedy=f"It knows {', '.join(sorted(self.hosts))}; correct the name, or add the host to the profile.",
        )


def validate(values: Mapping[str, Any], *, where: str) -> Parameters:
    """Turn raw values into `Parameters`; raises ParameterError for the first thing wrong.

    ``where`` is what the sentence names: a file, or a notebook.
    """
    for key in values:
        _refuse_key(str(key), Parameters.model_fields, where)
    try:
        return Parameters.model_validate(dict(values))
    except ValidationError as error:
        raise _first_problem(error, where) from None


def load_parameters(path: Path) -> Parameters:
    """Read a change's YAML file; raises ParameterError with file and key."""
    return validate(_read_mapping(path), where=str(path))


def rehearsal_parameters(base: Path, scenario: Path) -> Parameters:
    """The parameters of a rehearsal: those of the file ``base``, overlaid by the scenario's own ``parameters:``.

    Raises ParameterError with file and key.
    """
    own = _read_mapping(scenario).get("parameters") or {}
    if not isinstance(own, dict):
        raise ParameterError("'parameters' must be a list of 'name: value' lines", where=str(scenario))
    validate(own, where=str(scenario))
    return validate({**_read_mapping(base), **own}, where=str(base))


def _refuse_key(key: str, known: Iterable[str], where: str) -> None:
    names = list(known)
    if key in names:
        return
    if _SECRET_KEY.search(key):
        raise ParameterError(
            f"parameter {key!r} would put a secret in clear into the record",
            where=where,
            remedy="Delete it; the connection profile names where the secret is kept (env:, keyring:, file:, prompt:).",
        )
    close = difflib.get_close_matches(key, names, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"Known are: {', '.join(names)}."
    raise ParameterError(f"unknown parameter {key!r}", where=where, remedy=hint)


def _first_problem(error: ValidationError, where: str) -> ParameterError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "(the file)"
    given = first.get("input")
    # a wrong value may be a secret typed into the wrong place: say its type, not itself
    shown = repr(given) if isinstance(given, int | float | bool) else f"a {type(given).__name__}"
    if isinstance(given, str) and not _SECRET_KEY.search(key) and len(given) < 60:
        shown = repr(given)
    return ParameterError(
        f"parameter {key!r} is {shown}: {first['msg'][0].lower()}{first['msg'][1:]}",
        where=where,
        remedy="Correct the value; parameters/README.md lists name, type and unit of each.",
    )


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, not the last one silently winning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_UniqueKeyLoader)
    except FileNotFoundError:
        raise ParameterError("no such file", where=str(path), remedy="Check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"cannot be read: {error}", where=str(path)) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it does not parse"
        raise ParameterError(f"not valid YAML{line}: {problem}", where=str(path), remedy="Correct the file.") from None
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ParameterError("must be a list of 'name: value' lines", where=str(path), remedy="Correct the file.")
    return data


def project_root() -> Path:
    """The folder that holds notebooks/ and parameters/, found upwards from this package."""
    here = Path(__file__).resolve()
    for folder in here.parents:
        if (folder / "notebooks").is_dir() and (folder / "parameters").is_dir():
            return folder
    raise ParameterError(
        "the folder with notebooks/ and parameters/ is not above the installed package",
        where=str(here.parent),
        remedy="Install from a clone, with 'make rehearse' or 'pip install -e .'.",
    )


def outputs_root(environ: Mapping[str, str] = os.environ) -> Path:
    """Where records go: ``SNLM_OUTPUTS``, else outputs/ of the project."""
    chosen = environ.get("SNLM_OUTPUTS")
    return Path(chosen) if chosen else project_root() / "outputs"


def lab_descriptor_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The lab's descriptor: ``SNLM_LAB``, else the per-user file that ``snlm lab up`` writes."""
    chosen = environ.get("SNLM_LAB")
    return Path(chosen) if chosen else Path(platformdirs.user_state_dir("snlm", appauthor=False)) / "lab.json"


def lab_identity(environ: Mapping[str, str] = os.environ) -> str | None:
    """Which lab is running, by process and start; None when none is. Each lab is a world of its own."""
    try:
        raw = json.loads(lab_descriptor_path(environ).read_text(encoding="utf-8"))
        return f"{raw.get('pid')}@{raw.get('process_started')}"
    except (OSError, ValueError, AttributeError):
        return None


def connection_profile(
    name: str, environ: Mapping[str, str] = os.environ, *, alive: Alive | None = None
) -> ConnectionProfile:
    """The profile ``name``: the running lab for "lab", else parameters/connections/NAME.yaml.

    ``alive`` says whether the process of an id and a start time still runs (`process.still_runs`).
    Raises LabError when no lab runs, ParameterError when the profile is missing or wrong, or speaks
    a protocol that is not allowed to a real host (Kerberos, or HTTPS; rule 13 of the house).
    """
    if name == "lab":
        return _lab_profile(lab_descriptor_path(environ), alive)
    path = project_root() / "parameters" / "connections" / f"{name}.yaml"
    raw = {"name": name, **_read_mapping(path)}
    for key in raw:
        _refuse_key(key, ConnectionProfile.model_fields, str(path))
    try:
        profile = ConnectionProfile.model_validate(raw)
    except ValidationError as error:
        raise _first_problem(error, str(path)) from None
    _refuse_weak(profile, path)
    return profile


def _refuse_weak(profile: ConnectionProfile, path: Path) -> None:
    if profile.rehearsal or profile.truth_dir:
        raise ParameterError("only the lab may call itself a rehearsal", where=str(path), remedy="Delete that line.")
    for host, how in profile.hosts.items():
        if how.scheme == "http" and how.auth != "kerberos":
            raise ParameterError(
                f"host {host!r} would be spoken to by {how.auth} over plain HTTP",
                where=str(path),
                remedy="Use auth: kerberos, or scheme: https.",
            )


def _lab_profile(path: Path, alive: Alive | None) -> ConnectionProfile:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if alive is not None and "pid" in raw and not alive(int(raw["pid"]), float(raw["process_started"])):
            raise LabError(
                f"the lab of this descriptor no longer runs (process {raw['pid']})",
                where=str(path),
                remedy="Start one with 'snlm lab up', or run 'snlm rehearse', which starts one of its own.",
            )
        hosts = {name: {"auth": "ntlm", **at} for name, at in raw["hosts"].items()}
        return ConnectionProfile.model_validate(
            {
                "name": "lab",
                "rehearsal": True,
                "hosts": hosts,
                **{key: raw[key] for key in ("directory", "user", "secret", "guests", "truth_dir")},
            }
        )
    except FileNotFoundError:
        raise LabError(
            "no lab is running",
            where=str(path),
            remedy="Start one with 'snlm lab up', or run 'snlm rehearse', which starts one of its own.",
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabError(
            f"not a lab descriptor ({type(error).__name__})", where=str(path), remedy="Start the lab again."
        ) from None


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
