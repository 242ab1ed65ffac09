"""The last words of a run: every number from the record, nothing said that the record does not show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.closing import closing_lines, shown_path, true_silence_s
from snlm_lib.record.folder import Record, create_record
from snlm_lib.record.result import ChangeRow, CheckRow, StepResult, Verdict, run_verdict
from snlm_lib.record.verify import VerifyReport
from snlm_lib.runbook import RunOutcome

CHECKS = [CheckRow(id=f"c{number}", title="x", verdict="PASS") for number in range(17)]
SWITCH = CheckRow(
    id="switch",
    title="Virtual switch",
    verdict="FAIL",
    evidence="'LAN' is not there",
    remedy="Create it.",
    host="HV02",
)
AWAY = {
    "gap_s": 0.6,
    "gap_lower_s": 0.5,
    "gap_upper_s": 0.7,
    "host_blackout_s": 0.4,
    "running_on": "HV02",
    "gone_from_source": True,
}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return create_record(tmp_path / "outputs", "REHEARSAL", clock=FakeClock(), facts={})


def _result(step: str, verdict: Verdict = Verdict.PASSED, reason: str = "", **more: Any) -> StepResult:
    now = "2026-11-23T21:04:00.000Z"
    return StepResult(step=step, verdict=verdict, reason=reason, started_utc=now, ended_utc=now, **more)


def _say(record: Record, *results: StepResult, scenario: str | None = "rehearsal", state: Any = "sealed") -> list[str]:
    outcome = RunOutcome(record, run_verdict(*results), results)
    check = VerifyReport(record.path, state, manifest_sha256="ab" * 32)
    return closing_lines(outcome, scenario=scenario, check=check, cwd=record.path.parent.parent.parent)


def _passed() -> tuple[StepResult, ...]:
    return (
        _result("03_verify_hosts", checks=CHECKS),
        _result("05_move_vm", figures={"duration_s": 14.1}),
        _result("06_verify_migration", figures=AWAY),
    )


def test_an_absence_that_the_control_shared_is_not_told_as_a_fact(record: Record) -> None:
    *before, six = _passed()
    shared = six.model_copy(update={"figures": {**AWAY, "quotable": False}})
    said = "\n".join(_say(record, *before, shared))
    assert "Seems away 0.60 s ± 0.10 s, not to be quoted: the control was silent too (host blackout 0.4 s)" in said


def test_a_passed_rehearsal_says_it_in_six_lines(record: Record) -> None:
    record.report_html.write_text("x", encoding="utf-8")
    record.lab_dir.mkdir()
    (record.lab_dir / "truth.json").write_text(json.dumps({"moves": [{"silence_s": 0.58}]}), encoding="utf-8")

    assert _say(record, *_passed()) == [
        "REHEARSAL: simulated hosts; nothing outside this machine was touched",
        "03 checks 17 of 17 · 05 moved in 14 s · 06 runs only on HV02",
        "Away 0.60 s ± 0.10 s (the lab's truth 0.58 s; host blackout 0.4 s)",
        f"PASSED, record whole: {Path('outputs/REHEARSAL/20261123T210400Z/report.html')}",
        "Never run on real Hyper-V: see docs/verified.md",
        "Next: snlm rehearse missing-switch",
    ]


def test_a_pause_that_the_host_calls_long_is_said_and_no_other(record: Record) -> None:
    long = _say(record, _result("05_move_vm", figures={"duration_s": 14.0, "blackout_event_id": 20417}))
    usual = _say(record, _result("05_move_vm", figures={"duration_s": 14.0, "blackout_event_id": 20415}))

    assert "The pause was LONG: the host calls it unexpected (event 20417)" in long
    assert not any("LONG" in line for line in usual)


def test_what_is_not_known_is_not_said(record: Record) -> None:
    told = "\n".join(_say(record, _result("03_verify_hosts"), _result("05_move_vm"), _result("06_verify_migration")))

    assert "Away" not in told
    assert "checks" not in told
    assert "truth" not in told


def test_a_real_change_is_not_called_a_rehearsal_and_gives_the_hash_for_the_ticket(record: Record) -> None:
    told = _say(record, *_passed(), scenario=None)

    assert not any("REHEARSAL:" in line for line in told)
    assert told[-1].startswith("Next: snlm verify")
    assert "abababababababab" in told[-1]


def test_a_refusal_names_step_host_and_remedy_and_that_nothing_was_changed(record: Record) -> None:
    told = _say(record, _result("01_enable_live_migration", Verdict.REFUSED, "1 check failed", checks=[SWITCH]))

    assert "01_enable_live_migration refused: 1 check failed" in told
    assert "  FAIL HV02: Virtual switch: 'LAN' is not there. Create it." in told
    assert "Nothing was changed." in told
    assert any(line.startswith("REFUSED, record whole") for line in told)


def test_a_check_that_the_reason_already_tells_is_not_told_twice(record: Record) -> None:
    told = _say(record, _result("01_x", Verdict.REFUSED, "HV02: 'LAN' is not there. Create it.", checks=[SWITCH]))

    assert sum("'LAN'" in line for line in told) == 1


def test_an_absence_without_an_upper_bound_has_no_spread(record: Record) -> None:
    figures = {"gap_s": 1.2, "gap_lower_s": 1.1, "gap_upper_s": None, "host_blackout_s": 0.4}
    told = _say(record, _result("06_verify_migration", figures=figures))

    assert "Away at least 1.1 s, no end seen (host blackout 0.4 s)" in told


def test_what_earlier_steps_changed_is_listed_with_its_undo(record: Record) -> None:
    row = ChangeRow(intent_id="i1", what="enable live migration on HV01", undo="Disable-VMMigration", result="done")
    told = _say(record, _result("01_x", changes=[row]), _result("03_verify_hosts", Verdict.REFUSED, "no"))

    assert "Nothing was changed." not in told
    assert "  enable live migration on HV01 (done); undo: Disable-VMMigration" in told


def test_unknown_sends_the_reader_to_the_hosts_first(record: Record) -> None:
    assert "look at the hosts" in _say(record, _result("05_move_vm", Verdict.UNKNOWN, "its kernel died"))[-1]


def test_a_long_list_of_failed_checks_is_cut_with_a_count(record: Record) -> None:
    told = _say(record, _result("03_verify_hosts", Verdict.REFUSED, "no", checks=[SWITCH] * 9))

    assert sum(line.startswith("  FAIL") for line in told) == 6
    assert "  and 3 more in the report" in told


def test_a_record_that_does_not_verify_is_never_called_whole(record: Record) -> None:
    assert any("RECORD NOT WHOLE" in line for line in _say(record, *_passed(), state="damaged"))


def test_every_line_survives_a_western_windows_console(record: Record) -> None:
    assert all(line.encode("cp1252").decode("cp1252") == line for line in _say(record, *_passed()))


def test_a_path_elsewhere_is_shown_whole(tmp_path: Path) -> None:
    assert shown_path(tmp_path / "a", tmp_path / "b") == str(tmp_path / "a")


@pytest.mark.parametrize("text", ["", "{}", '{"moves": []}', '{"moves": [{"silence_s": null}]}'])
def test_no_truth_is_none_not_zero(tmp_path: Path, text: str) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "truth.json").write_text(text, encoding="utf-8")

    assert true_silence_s(tmp_path) is None


def test_warnings_are_counted_beside_what_passed(record: Record) -> None:
    warned = [SWITCH.model_copy(update={"verdict": "WARN"}), *CHECKS[:2]]
    told = _say(record, _result("03_verify_hosts", checks=warned))

    assert any(line.startswith("03 checks 2 of 3, 1 warning") for line in told)


def test_no_lost_probe_is_less_than_the_time_between_two_not_zero(record: Record) -> None:
    figures = {**AWAY, "gap_s": None, "gap_lower_s": 0.0, "gap_upper_s": 0.1}
    told = _say(record, _result("06_verify_migration", figures=figures))

    assert "Away less than 0.10 s: no probe was lost" in told


def test_an_hresult_that_the_catalogue_knows_is_offered_for_explaining(record: Record) -> None:
    known = _say(record, _result("05_move_vm", Verdict.FAILED, "HV01: no credentials (0x8009030e)."))
    unknown = _say(record, _result("05_move_vm", Verdict.FAILED, "HV01: something else (0x80041234)."))

    assert "  What it means: snlm explain 0x8009030E" in known
    assert not any("snlm explain" in line for line in unknown)
