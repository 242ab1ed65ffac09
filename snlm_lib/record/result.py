"""A step's result: one schema, checked on write and on read; what the next step, the runner and the report read."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from snlm_lib.errors import RecordError
from snlm_lib.process import write_atomic
from snlm_lib.record.folder import Record
from snlm_lib.units import parse_utc

__all__ = [
    "ChangeRow",
    "CheckRow",
    "CheckVerdict",
    "Scalar",
    "StepResult",
    "Verdict",
    "read_result",
    "run_verdict",
    "worst",
    "write_result",
]


class Verdict(StrEnum):
    """How a step, or a run, ended; listed from best to worst."""

    PASSED = "passed"
    REFUSED = "refused"  # this step changed nothing
    FAILED = "failed"  # it acted, and the outcome is known
    UNKNOWN = "unknown"

    @property
    def exit_code(self) -> int:
        """0 passed, 1 failed, 2 refused, 3 unknown."""
        return {"passed": 0, "failed": 1, "refused": 2, "unknown": 3}[self.value]


def _is_utc(text: str) -> str:
    parse_utc(text)
    return text


CheckVerdict = Literal["PASS", "WARN", "FAIL", "UNKNOWN"]
Scalar = str | int | Annotated[float, Field(allow_inf_nan=False)] | bool | None
Utc = Annotated[str, AfterValidator(_is_utc)]
_Lenient = Annotated[Verdict, Field(strict=False)]  # "passed" as well as Verdict.PASSED


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CheckRow(_Closed):
    """One check: what was seen (``evidence``) and, unless it passed, what to do (``remedy``)."""

    id: Annotated[str, Field(min_length=1)]
    title: str
    verdict: CheckVerdict
    evidence: str = ""
    remedy: str = ""
    host: str = ""


class ChangeRow(_Closed):
    """One change a step made: its undo, and what became of it."""

    intent_id: Annotated[str, Field(min_length=1)]
    what: str
    undo: str
    result: Literal["done", "failed", "unknown"]


class StepResult(_Closed):
    """What a step leaves behind. ``figures`` are single numbers with their unit in the name, unknown is None."""

    schema_: Literal["snlm.result/1"] = Field("snlm.result/1", alias="schema")
    step: Annotated[str, Field(min_length=1)]
    verdict: _Lenient
    reason: str
    started_utc: Utc
    ended_utc: Utc
    checks: list[CheckRow] = []
    changes: list[ChangeRow] = []
    figures: dict[str, Scalar] = {}
    tables: dict[str, list[dict[str, Scalar]]] = {}
    highlights: list[str] = []

    def to_json(self) -> str:
        """As it stands in result.json: indented, in the order of the schema; a table keeps its columns' order."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=2, allow_nan=False) + "\n"


def result_path(record: Record, step: str) -> Path:
    return record.step_dir(step) / "result.json"


def write_result(record: Record, result: StepResult) -> Path:
    """Write steps/NAME/result.json as a whole, replacing an earlier attempt's; raises RecordError when sealed."""
    record.refuse_sealed()
    path = result_path(record, result.step)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = result.to_json()
    _validate(text, path)
    write_atomic(path, text)
    return path


def read_result(record: Record, step: str) -> StepResult | None:
    """The result of ``step``, None when it left none; raises RecordError when it does not fit the schema."""
    path = result_path(record, step)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"cannot be read: {error}", where=str(path)) from error
    result = _validate(text, path)
    if result.step != step:
        raise RecordError(f"is the result of step {result.step!r}", where=str(path))
    return result


def _validate(text: str, path: Path) -> StepResult:
    try:
        return StepResult.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "(the file)"
        raise RecordError(f"{key}: {first['msg']}", where=str(path)) from None


def worst(*verdicts: Verdict) -> Verdict:
    """The worst of them; none at all is unknown."""
    order = list(Verdict)
    return max(verdicts, key=order.index, default=Verdict.UNKNOWN)


def run_verdict(*results: StepResult | None) -> Verdict:
    """The verdict over the steps that began; one that left no result (None) makes it unknown."""
    return worst(*(Verdict.UNKNOWN if result is None else result.verdict for result in results))
