"""What 04, 06 and 07 say for given measurements and results; no host, and a process in one test only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from snlm_lib.change.checks.model import Level
from snlm_lib.errors import ParameterError, RecordError, Refused
from snlm_lib.measure.ledger import PING_COLUMNS
from snlm_lib.measure.monitor import find_monitor, stop_monitor
from snlm_lib.measure.ping_file import PingHeader, TargetFacts
from snlm_lib.measure.verdict import verdict
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


def rows(target: str, kind: str, lost: range, count: int = 60) -> list[str]:
    """Probes 100 ms apart from 21:04:00, those in ``lost`` unanswered."""
    found = []
    for seq in range(count):
        due = seq * INTERVAL_S
        state = "lost,,no-answer" if seq in lost else "answered,0.2,"
        found.append(f"{seq},{target},{kind},{due:.3f},2026-11-23T21:04:{due:06.3f}Z,{due:.3f},{state}")
    return found


def pings(step: Step, lost: range, *, count: int = 60, more: Sequence[str] = ()) -> None:
    """UDP probes of VM01, ``more`` rows beside them, DC01 a control; a monitor that has ended."""
    header = PingHeader(
        vantage="ADMIN01",
        started_utc="2026-11-23T21:04:00.000Z",
        interval_ms=100,
        timeout_ms=1000,
        targets=(TargetFacts("VM01", kinds=("udp",)), TargetFacts("DC01", role="control", kinds=("udp",))),
        resolution_ms=100,
        clock_offsets_s={"HV01": 2.0},
    )
    text = [",".join(PING_COLUMNS), *rows("VM01", "udp", lost, count), *more]
    (step.record.samples / "pings.csv").write_text(header.line() + "\n".join(text) + "\n", encoding="utf-8")
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
    assert step.figures["supported"]
    assert "VM01 was away 0.60 s ± 0.10 s" in step.highlights[-1]
    assert "the host paused it 0.4 s; 6 of 31 probes unanswered" in step.highlights[-1]


def test_no_lost_probe_is_shorter_than_an_interval_not_zero(step: Step) -> None:
    pings(step, range(0))
    verify.tell_away(step, verify.measure_away(step, finished_move()))
    assert step.figures["gap_s"] is None
    assert "No UDP probe to VM01 was lost: away less than 0.10 s" in step.highlights[-1]


def test_a_control_that_lost_probes_with_the_machine_is_a_warning_and_blames_the_path(step: Step) -> None:
    pings(step, range(20, 26), more=rows("DC01", "udp", range(20, 26)))
    again, control = verify.tell_away(step, verify.measure_away(step, finished_move()))
    assert (again.level, control.level, control.host) == (Level.PASS, Level.WARN, "DC01")
    assert "6 of 31 probes during the move were lost" in control.evidence
    assert (step.figures["control"], step.figures["cause"]) == ("lost probes", "prober-or-path")
    assert step.figures["probes"] == 31  # the machine's alone
    assert [row["target"] for row in step.tables["control"]] == ["DC01"]


@pytest.mark.parametrize(
    ("lost", "level", "word"), [(range(0), Level.PASS, "clean"), (range(60), Level.WARN, "never answered")]
)
def test_a_control_is_a_witness_that_was_there_or_was_not(step: Step, lost: range, level: Level, word: str) -> None:
    pings(step, range(20, 26), more=rows("DC01", "udp", lost))
    _again, control = verify.tell_away(step, verify.measure_away(step, finished_move()))
    assert (control.level, step.figures["control"]) == (level, word)


def test_without_a_control_none_is_spoken_of(step: Step) -> None:
    pings(step, range(0))
    (again,) = verify.tell_away(step, verify.measure_away(step, finished_move()))
    assert again.check_id == "answers-udp"
    assert (step.figures["control"], "control" in step.tables) == (None, False)


def test_each_kind_has_its_row_and_its_round_trips(step: Step) -> None:
    pings(step, range(20, 26), more=rows("VM01", "connect", range(20, 40)))
    verify.tell_away(step, verify.measure_away(step, finished_move()))
    told = {row["probe"]: (row["lost"], row["longest gap, s"]) for row in step.tables["away"]}
    assert told == {"UDP": (6, 0.6), "TCP connect": (20, 2.0)}
    assert {(row["probe"], row["when"]) for row in step.tables["round_trips"]} == {
        (probe, when) for probe in ("UDP", "TCP connect") for when in ("before", "during", "after")
    }
    assert step.figures["rtt_p99_ms"] == pytest.approx(0.2)
    assert (step.figures["duplicated"], step.figures["reordered"]) == (0, 0)


def test_the_hosts_event_is_laid_over_the_samples_by_its_clocks_offset(step: Step) -> None:
    pings(step, range(20, 26))
    move = finished_move()
    move.figures.update({"blackout_event_id": 20415, "blackout_event_host": "HV01"})
    move.figures["blackout_event_utc"] = "2026-11-23T21:04:05Z"
    report = verify.measure_away(step, move).report
    assert report is not None
    assert report.pause is not None
    assert report.pause.over_by_s == pytest.approx(3.0)  # HV01 is two seconds ahead
    assert "(event 20415)" in verdict(report).sentence


def test_a_guest_that_stays_silent_fails_the_proof(step: Step) -> None:
    pings(step, range(20, 60))
    (again,) = verify.tell_away(step, verify.measure_away(step, finished_move()))
    assert again.level is Level.FAIL
    assert again.remedy


def test_a_monitor_that_died_before_the_move_ended_tells_no_gap(step: Step) -> None:
    pings(step, range(0), count=15)  # the last probe 1.4 s after the first, the move from 1 s to 4 s
    away = verify.measure_away(step, finished_move())
    (again,) = verify.tell_away(step, away)
    assert "How long VM01 was away cannot be told" in step.highlights[-1]
    assert (step.figures["gap_s"], step.figures["gap_upper_s"], step.figures["usable"]) == (None, None, False)
    assert (again.level, again.host) == (Level.FAIL, "")
    assert "nothing was probed after the move" in again.evidence


def test_a_monitor_that_died_while_the_machine_was_away_blames_no_guest(step: Step) -> None:
    pings(step, range(12, 30), count=30)  # silence begins, and the monitor ends within it
    (again,) = verify.tell_away(step, verify.measure_away(step, finished_move()))
    assert (again.host, step.figures["gap_upper_s"], step.figures["usable"]) == ("", None, False)
    assert "nothing was probed after the move" in again.evidence
    assert "it had not come back when the samples end" in step.highlights[-1]


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
