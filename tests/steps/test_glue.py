"""What 04, 06 and 07 say for given measurements and results; no host, and a process in one test only."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from snlm_lib.change.checks.model import Level
from snlm_lib.errors import ParameterError, RecordError, Refused
from snlm_lib.measure.monitor import find_monitor, stop_monitor
from snlm_lib.record.result import StepResult, Verdict, write_result
from snlm_lib.step import Step, begin
from snlm_lib.steps import gather, monitor, verify

INTERVAL_S = 0.1


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Step:
    hosts = {name: {"address": "127.0.0.1", "port": 1} for name in ("HV01", "HV02", "DC01")}
    guests = {"vm01": {"address": "127.0.0.1", "udp_port": 7, "ips": ["10.20.0.51"]}}
    lab = {"hosts": hosts, "directory": "DC01", "user": "CORP\\operator", "secret": "env:LAB", "guests": guests}
    (tmp_path / "lab.json").write_text(json.dumps({**lab, "truth_dir": str(tmp_path)}), encoding="utf-8")
    monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("SNLM_LAB", str(tmp_path / "lab.json"))
    monkeypatch.setenv("SNLM_RECORD", "")
    return begin("06_verify_migration")


def pings(step: Step, lost: range, *, count: int = 60) -> None:
    """UDP probes 100 ms apart from 21:04:00, those in ``lost`` unanswered; a monitor that has ended."""
    rows = ["seq,target,kind,due_s,sent_utc,sent_s,status,rtt_ms"]
    for seq in range(count):
        due = seq * INTERVAL_S
        state = "lost," if seq in lost else "answered,0.2"
        rows.append(f"{seq},VM01,udp,{due:.3f},2026-11-23T21:04:{due:06.3f}Z,{due:.3f},{state}")
    (step.record.samples / "pings.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    ended = {"schema": "snlm.monitor/1", "pid": 1, "started": 0.0, "stop_file": "stop", "pings_csv": "pings.csv"}
    step.record.monitor_dir.mkdir(exist_ok=True)
    (step.record.monitor_dir / "state.json").write_text(json.dumps(ended), encoding="utf-8")


def finished_move(blackout_s: float | None = 0.4) -> StepResult:
    return StepResult(
        step="05_move_vm",
        verdict=Verdict.PASSED,
        reason="done",
        started_utc="2026-11-23T21:04:00Z",
        ended_utc="2026-11-23T21:04:04Z",
        figures={
            "vm_id": "6f9d2b1c-0f1e-4f7a-9d5e-1c2b3a4d5e6f",
            "requested_utc": "2026-11-23T21:04:01Z",
            "ended_utc": "2026-11-23T21:04:04Z",
            "host_blackout_s": blackout_s,
        },
    )


def test_the_gap_is_told_with_bounds_and_both_clocks(step: Step) -> None:
    pings(step, range(20, 26))
    away = verify.measure_away(step, finished_move())
    (again,) = verify.tell_away(step, away)
    assert again.level is Level.PASS
    assert step.figures["gap_s"] == pytest.approx(0.6)
    assert step.figures["lost"] == 6
    assert step.figures["residue_s"] == pytest.approx(0.2)
    assert "Away 0.60 s by UDP probes (at least 0.50 s, at most 0.70 s); host blackout 0.4 s. " in step.highlights[-1]


def test_no_lost_probe_is_shorter_than_an_interval_not_zero(step: Step) -> None:
    pings(step, range(0))
    verify.tell_away(step, verify.measure_away(step, finished_move()))
    assert step.figures["gap_s"] is None
    assert "No probe was lost: away for less than 0.10 s" in step.highlights[-1]


def test_a_guest_that_stays_silent_fails_the_proof(step: Step) -> None:
    pings(step, range(20, 60))
    (again,) = verify.tell_away(step, verify.measure_away(step, finished_move()))
    assert again.level is Level.FAIL
    assert again.remedy


def test_a_monitor_that_died_before_the_move_ended_tells_no_gap(step: Step) -> None:
    pings(step, range(0), count=15)  # the last probe 1.4 s after the first, the move from 1 s to 4 s
    away = verify.measure_away(step, finished_move())
    (again,) = verify.tell_away(step, away)
    assert step.highlights[-1] == "The probes do not reach over the whole move, so no gap can be told."
    assert (step.figures["gap_s"], step.figures["gap_upper_s"], step.figures["usable"]) == (None, None, False)
    assert (again.level, again.host) == (Level.FAIL, "")
    assert "nothing was probed after the move" in again.evidence


def test_a_monitor_that_died_while_the_machine_was_away_blames_no_guest(step: Step) -> None:
    pings(step, range(12, 30), count=30)  # silence begins, and the monitor ends within it
    (again,) = verify.tell_away(step, verify.measure_away(step, finished_move()))
    assert (again.host, step.figures["gap_upper_s"], step.figures["usable"]) == ("", None, False)
    assert "nothing was probed after the move" in again.evidence
    assert "no upper bound" in step.highlights[-1]


@pytest.mark.parametrize(
    ("count", "end", "says"),
    [
        (15, None, "The monitor had ended before the move did (reason not known)"),
        (15, "limit", "The monitor had ended before the move did (reason limit)"),
        (60, "limit", "The monitor had ended before it was told to (reason limit)"),
        (60, "stop-file", "The monitor had been ended already (stop-file) after 60 probes."),
    ],
)
def test_of_a_monitor_that_has_ended_it_is_said_when_and_why(
    step: Step, count: int, end: str | None, says: str
) -> None:
    pings(step, range(0), count=count)
    state_json = step.record.monitor_dir / "state.json"
    state = json.loads(state_json.read_text(encoding="utf-8"))
    state_json.write_text(json.dumps({**state, "end": end, "rows": count}), encoding="utf-8")
    verify.end_monitor(step, finished_move())
    assert says in step.highlights[-1]


def test_without_a_monitor_only_the_hosts_figure_is_known(step: Step) -> None:
    verify.end_monitor(step, finished_move())
    away = verify.measure_away(step, finished_move())
    assert away.report is None
    assert verify.tell_away(step, away) == ()
    assert "No monitor ran" in step.highlights[-1]


def test_there_is_nothing_to_verify_before_05_is_finished(step: Step) -> None:
    with pytest.raises(Refused, match="05 left no finished move"):
        verify.moved(step)
    write_result(step.record, finished_move())
    assert verify.moved(step).figures["host_blackout_s"] == 0.4


def test_the_probe_target_is_found_as_windows_compares_names(step: Step) -> None:
    probed = monitor.probe_target(step)
    assert (probed.name, probed.kinds, [aim.role for aim in probed.aims]) == ("VM01", ("udp",), ["machine"])
    assert step.highlights == [
        "VM01 is probed at 127.0.0.1 by UDP 7.",
        "No control is listed: a fault of the path, or of this machine, would look like the guest's.",
    ]


def test_a_machine_without_a_probe_target_is_refused(step: Step) -> None:
    step.parameters = step.parameters.model_copy(update={"vm": "FILE01"})
    with pytest.raises(ParameterError, match="no probe target for 'FILE01'"):
        monitor.probe_target(step)


def test_gathering_says_of_each_step_how_it_ended(step: Step) -> None:
    report = begin("07_change_report")
    write_result(report.record, finished_move())
    report.record.step_dir("04_start_ping_monitor").mkdir()
    results = gather.gather(report)
    assert [result.step for result in results] == ["05_move_vm"]
    said = {row["step"]: (row["verdict"], row["why"]) for row in report.tables["steps"]}
    assert said["05_move_vm"] == ("passed", "done")
    assert said["04_start_ping_monitor"] == (None, "ended without a result")
    assert said["01_enable_live_migration"] == (None, "not run")
    assert report.figures["run_verdict"] == "unknown"


def test_a_monitor_that_has_ended_is_blamed_itself_not_the_guest(step: Step) -> None:
    pings(step, range(0))
    handle = find_monitor(step.record.path)
    assert handle is not None
    (step.record.monitor_dir / "monitor.log").write_text("UnicodeEncodeError: x\n", encoding="utf-8")
    step.parameters = step.parameters.model_copy(update={"baseline_s": 1.0, "probe_timeout_ms": 20})
    with pytest.raises(Refused, match="the monitor has ended: UnicodeEncodeError"):
        monitor.baseline(step, handle, monitor.probe_target(step))


def test_a_guest_that_is_silent_before_the_move_leaves_no_monitor_running(step: Step) -> None:
    step.parameters = step.parameters.model_copy(update={"baseline_s": 0.3, "probe_timeout_ms": 50})
    probed = monitor.probe_target(step)
    handle = monitor.start(step, probed)  # nothing listens there
    try:
        with pytest.raises(Refused, match="does not answer to UDP before the move"):
            monitor.baseline(step, handle, probed)
        assert not handle.running()
    finally:
        stop_monitor(handle)


def test_samples_that_cannot_be_read_leave_no_monitor_running(step: Step) -> None:
    step.parameters = step.parameters.model_copy(update={"baseline_s": 0.3, "probe_timeout_ms": 50})
    probed = monitor.probe_target(step)
    handle = monitor.start(step, probed)
    try:
        lost = replace(handle, pings_csv=handle.pings_csv.with_name("gone.csv"))
        with pytest.raises(RecordError, match="no samples"):
            monitor.baseline(step, lost, probed)
        assert not handle.running()
    finally:
        stop_monitor(handle)
