"""Whole plausible records with synthetic samples, and a browser to open their page in."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.record.folder import Record, create_record
from snlm_lib.record.journal import Journal
from snlm_lib.record.result import StepResult, write_result
from snlm_lib.units import iso_utc

START = datetime(2026, 11, 23, 21, 4, tzinfo=UTC)
REQUESTED = START + timedelta(seconds=20)
STEPS = (
    "01_enable_live_migration",
    "02_configure_delegation",
    "03_verify_hosts",
    "04_start_ping_monitor",
    "05_move_vm",
    "06_verify_migration",
    "07_change_report",
)
GAP = (13.05, 13.63)  # silence of the guest, seconds since the request


@dataclass
class RecordBuilder:
    """Writes a record step by step; names and verdicts can be anything."""

    root: Path
    vm: str = "VM01"
    rehearsal: bool | None = True
    change_id: str = "CHG-2026-0417"
    clock: FakeClock = field(default_factory=lambda: FakeClock(START))

    def open(self) -> Record:
        facts = {
            "rehearsal": self.rehearsal,
            "scenario": "rehearsal" if self.rehearsal else None,
            "operator": {"user": "jörg.müller", "machine": "ADMIN-PC-07", "system": "Windows 11"},
            "code": {"version": "0.1.0", "commit": "23f9f54c0ffee0123456789abcdef0123456789a", "modified": False},
            "parameters": {
                "vm": self.vm,
                "source": "HV01",
                "destination": "HV02",
                "reason": "Firmware of HV01 is renewed on Tuesday",
                "connection": "lab" if self.rehearsal else "production",
            },
        }
        record = create_record(self.root, self.change_id, clock=self.clock, facts=facts)
        self.journal(record).append("run-started", None, {"steps": list(STEPS)})
        return record

    def journal(self, record: Record) -> Journal:
        return record.journal(self.clock)

    def begin(self, record: Record, step: str) -> str:
        """Start a step: folder, notebook, journal; returns the UTC of the start."""
        self.clock.advance(3)
        self.journal(record).append("step-started", step, {"parameters": {"vm": self.vm}})
        folder = record.step_dir(step)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "notebook.ipynb").write_text(json.dumps(notebook(step, self.vm)), encoding="utf-8")
        return iso_utc(self.clock.utc_now())

    def finish(self, record: Record, step: str, started: str, **told: Any) -> StepResult:
        self.clock.advance(2)
        base = {"verdict": "passed", "reason": "everything as wanted", "ended_utc": iso_utc(self.clock.utc_now())}
        result = StepResult(**{"step": step, "started_utc": started, **base, **told})
        write_result(record, result)
        self.journal(record).append("verdict", step, {"verdict": result.verdict.value, "reason": result.reason})
        return result

    def change(self, record: Record, step: str, number: int, *, outcome: str | None = "done", what: str = "") -> None:
        journal, intent_id = self.journal(record), f"{step[:2]}-{number}"
        words = what or f"HV0{number}: allow live migrations, Kerberos, compression, 2 at a time"
        undo = f"HV0{number}: Disable-VMMigration"
        data = {"intent_id": intent_id, "what": words, "undo": undo, "before": {"enabled": False}}
        journal.append("intent", step, data)
        journal.append("command", step, {"host": f"HV0{number}", "text": "Enable-VMMigration", "changes": True})
        if outcome:
            journal.append("outcome", step, {"intent_id": intent_id, "result": outcome, "detail": ""})

    def end(self, record: Record, verdict: str) -> Record:
        self.clock.advance(1)
        self.journal(record).append("run-ended", None, {"verdict": verdict})
        return record

    def lab_truth(self, record: Record) -> None:
        record.lab_dir.mkdir()
        move = {"vm": self.vm, "outcome": "completed", "blackout_s": 0.42, "silence_s": GAP[1] - GAP[0]}
        truth = {"schema": "snlm.truth/1", "scenario": "rehearsal", "moves": [move]}
        (record.lab_dir / "truth.json").write_text(json.dumps(truth), encoding="utf-8")

    # --- whole records ---------------------------------------------------------------------------

    def prepare(self, record: Record) -> None:
        """01 to 04, all passed."""
        for step in STEPS[:2]:
            started = self.begin(record, step)
            self.change(record, step, 1)
            self.change(record, step, 2)
            self.finish(record, step, started)
        started = self.begin(record, STEPS[2])
        self.finish(record, STEPS[2], started, checks=checks(self.vm), highlights=["17 checks, 1 warning."])
        started = self.begin(record, STEPS[3])
        figures = {"baseline_probes": 60, "baseline_lost": 0, "interval_ms": 100, "probe_kinds": "udp, tcp"}
        self.finish(record, STEPS[3], started, figures=figures)

    def passed(self) -> Record:
        record = self.open()
        self.prepare(record)
        started = self.begin(record, STEPS[4])
        self.change(record, STEPS[4], 1, what=f"HV01: move {self.vm} to HV02, storage included")
        write_samples(record.samples)
        self.clock.advance(14)
        self.finish(record, STEPS[4], started, figures=MOVE, highlights=["Moved in 14 s."])
        started = self.begin(record, STEPS[5])
        self.finish(record, STEPS[5], started, figures=AWAY, tables={"away": AWAY_ROWS}, highlights=[AWAY_WORDS])
        started = self.begin(record, STEPS[6])
        self.finish(record, STEPS[6], started)
        if self.rehearsal:
            self.lab_truth(record)
        return self.end(record, "passed")

    def refused(self) -> Record:
        record = self.open()
        started = self.begin(record, STEPS[0])
        rows = checks(self.vm)
        rows[2] = {
            **rows[2],
            "verdict": "FAIL",
            "evidence": "HV02 has no switch called 'vSwitch-Produktion-Süd'",
            "remedy": "Create the switch on HV02, or map it in the parameters.",
        }
        reason = "HV02: switch 'vSwitch-Produktion-Süd' is missing"
        self.finish(record, STEPS[0], started, verdict="refused", reason=reason, checks=rows)
        return self.end(record, "refused")

    def killed(self) -> Record:
        """The kernel died during the move: an open intent, samples that end, no result."""
        record = self.open()
        self.prepare(record)
        self.begin(record, STEPS[4])
        self.change(record, STEPS[4], 1, outcome=None, what=f"HV01: move {self.vm} to HV02, storage included")
        write_samples(record.samples, until_s=7.0)
        return self.end(record, "unknown")


MOVE = {
    "requested_utc": iso_utc(REQUESTED),
    "ended_utc": iso_utc(REQUESTED + timedelta(seconds=14.1)),
    "duration_s": 14.1,
    "host_blackout_s": 0.4,
    "blackout_event_id": 20415,
    "passes": 5,
    "memory_bytes": 4_812_111_872,
}
AWAY = {
    "gap_s": 0.6,
    "gap_lower_s": 0.5,
    "gap_upper_s": 0.7,
    "gap_kind": "udp",
    "lost": 12,
    "probes": 282,
    "account_HV01": "CORP\\operator",
    "account_HV02": "CORP\\operator",
    "host_blackout_s": 0.4,
    "residue_s": 0.2,
    "running_on": "HV02",
    "gone_from_source": True,
}
AWAY_ROWS = [
    {"probe": kind, "sent": 141, "lost": 6, "late": late, "longest gap, s": 0.6, "at least, s": 0.5, "at most, s": 0.7}
    for kind, late in (("udp", 2), ("tcp", 3))
]
AWAY_WORDS = "Away 0.60 s by UDP probes (at least 0.50 s, at most 0.70 s); host blackout 0.4 s."


def checks(vm: str) -> list[dict[str, str]]:
    titles = ["Live migration enabled", "Authentication equal", "Virtual switches", "Free memory", "Free disk"]
    rows = [
        {
            "id": f"c{n}",
            "title": title,
            "verdict": "PASS",
            "evidence": f"as wanted for {vm}",
            "remedy": "",
            "host": "HV02",
        }
        for n, title in enumerate(titles)
    ]
    warn = {"verdict": "WARN", "evidence": "an ISO image is attached", "remedy": "Eject it before the move."}
    return [*rows, {"id": "iso", "title": "ISO attached", "host": "HV01", **warn}]


def notebook(step: str, vm: str) -> dict[str, Any]:
    """An executed notebook: title, card, a figure, a hostile output, an error sentence."""
    figure = {"data": [{"type": "scatter", "x": [0, 1], "y": [1, 2]}], "layout": {"title": {"text": vm}}}
    outputs = [
        output({"text/html": f"<div style='border-left:6px solid #1a7f5a'>{step}</div>", "text/plain": "card"}),
        output({"application/vnd.plotly.v1+json": figure, "text/plain": "Progress of the move"}),
        output({"application/vnd.snlm.result+json": {"verdict": "passed"}, "text/plain": ""}),
        output(
            {"text/html": "<script>alert(1)</script><img src='http://evil.example/' onerror='alert(2)'><b>bold</b>"}
        ),
        {
            "output_type": "error",
            "ename": "Refused",
            "evalue": "no",
            "traceback": ["\x1b[31mHV02: no such switch\x1b[0m"],
        },
    ]
    source = f'step = snlm.begin("{step}")  # begin'
    code = {"cell_type": "code", "id": "b", "metadata": {}, "execution_count": 1, "source": source, "outputs": outputs}
    text = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": f"# {step}\n\nChanges nothing."}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [text, code]}


def output(data: dict[str, Any]) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": data}


def write_samples(folder: Path, *, until_s: float = 18.0) -> None:
    """progress.csv, passes.csv, pings.csv of a move of 14 s: the same every time."""
    write_move(folder, min(until_s, 14.1))
    write_pings(folder / "pings.csv", until_s)


def write_move(folder: Path, until_s: float) -> None:
    progress = ["t_s,utc,job_state,percent,vm_state,operational_status,pass_number,bytes_sent"]
    passes = ["t_s,utc,pass_number,dirty_pages,bytes_sent,compressed_bytes_sent,is_blackout,cpu_cap_percent"]
    begins = [8.0, 11.0, 12.2, 12.7, 12.95, 13.5]
    pages = [1_048_576, 131_072, 24_000, 6_100, 2_048]
    for tick in range(int(until_s / 0.25) + 1):
        at = tick * 0.25
        utc = iso_utc(REQUESTED + timedelta(seconds=at))
        phase = (
            "CheckingCompatibility" if at < 1 else "StorageMigrationPhaseOne" if at < 8 else "MigratingVirtualMachine"
        )
        status = f"InService;{phase}" if at < 13.75 else "Ok"
        number = min(sum(at >= begin for begin in begins), 5)
        share = min((at + 0.25 - begins[number - 1]) / (begins[number] - begins[number - 1]), 1) if number else 0
        sent = int(4096 * (sum(pages[: max(number - 1, 0)]) + share * pages[number - 1])) if number else 0
        percent = min(100, int(at / 13.75 * 100))
        progress.append(f"{at},{utc},{7 if percent == 100 else 4},{percent},Running,{status},{number or ''},{sent}")
        if number > 0:
            blackout = 1 if at >= 13.0 and at < 13.5 else 0
            passes.append(f"{at},{utc},{number},{pages[number - 1]},{sent},{sent // 2},{blackout},0")
    (folder / "progress.csv").write_text("\n".join(progress) + "\n", encoding="utf-8")
    (folder / "passes.csv").write_text("\n".join(passes) + "\n", encoding="utf-8")


def write_pings(path: Path, until_s: float) -> None:
    chance = random.Random(7)
    origin = REQUESTED - timedelta(seconds=4)
    rows = ["seq,target,kind,due_s,sent_utc,sent_s,status,rtt_ms"]
    for seq in range(int((until_s + 4) * 10)):
        for kind in ("udp", "tcp"):
            due = seq / 10
            at = due + chance.random() * 0.002
            utc = iso_utc(origin + timedelta(seconds=at))
            gone = GAP[0] <= at - 4 <= GAP[1]
            late = not gone and GAP[1] <= at - 4 <= GAP[1] + 0.2
            rtt = 1100.0 if late else 0.3 + chance.random() * (1.5 if at - 4 > 8 else 0.4)
            status = "lost" if gone else "late" if late else "answered"
            rows.append(f"{seq},VM01,{kind},{due},{utc},{at:.4f},{status},{'' if gone else f'{rtt:.3f}'}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


@pytest.fixture
def builder(tmp_path: Path) -> Callable[..., RecordBuilder]:
    """`builder(vm=..., rehearsal=...)`; its records lie below the test's own folder."""
    return lambda **changes: RecordBuilder(tmp_path / "outputs", **changes)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine: the page cannot be opened")
    return found
