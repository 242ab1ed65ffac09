"""The page: what the card says, that text stays text, and that it is built whatever is missing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.errors import RecordError
from snlm_lib.record.charts.theme import plotly_js
from snlm_lib.record.folder import Record
from snlm_lib.record.report import build_report
from snlm_lib.record.seal import seal, verify

Build = Callable[..., Any]
HOSTILE = "<script>alert('x')</script>'; Remove-VM * \"><img src=x onerror=alert(1)>"


def page(record: Record) -> str:
    """The page without plotly.js."""
    return build_report(record).read_text(encoding="utf-8").replace(plotly_js(), "")


def words(html: str) -> str:
    """What a reader reads, data blocks and markup left out."""
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


def card(record: Record) -> str:
    html = page(record)
    return words(html[: html.index("</section>")])


def test_the_card_says_first_what_a_manager_asks(builder: Build) -> None:
    told = card(builder().passed())
    for part in (
        "REHEARSAL simulated hosts, scenario rehearsal",
        "PASSED VM01 runs only on HV02.",
        "Away 0.60 s ± 0.10 s longest gap, by UDP probes",
        "Host blackout 0.40 s event 20415",
        "The lab's truth 0.58 s",
        "Lost probes 6 of 141 UDP, during the move; TCP flow 6 of 141",
        "From → to HV01 → HV02",
        "Change CHG-2026-0417",
        "Start 2026-11-23 21:04:00 UTC End 2026-11-23 21:04:50 UTC Duration 50 s",
        "Operator jörg.müller on ADMIN-PC-07",
        "Signed on to the hosts as CORP\\operator (HV01, HV02)",
        "Code snlm 0.1.0, commit 23f9f54c0ffe",
        "HV01: move VM01 to HV02, storage included DONE on HV01 Disable-VMMigration",
        "chain intact, 32 entries when this page was built, up to",
    ):
        assert part in told


def test_a_real_change_says_so_and_shows_no_lab(builder: Build) -> None:
    told = card(builder(rehearsal=False).passed())
    assert "REAL this change was carried out on real hosts" in told
    assert "lab" not in told.lower()


def test_a_refused_run_names_the_obstacle_and_that_nothing_changed(builder: Build) -> None:
    record = builder().refused()
    told = card(record)
    assert "REFUSED 01 Enable live migration refused: HV02: switch 'vSwitch-Produktion-Süd' is missing" in told
    assert "What was changed Nothing was changed." in told
    assert "Away" not in told
    whole = words(page(record))
    assert whole.index("FAIL HV02 Virtual switches") < whole.index("WARN HV01 ISO") < whole.index("PASS HV02 Live")
    assert "To do: Create the switch on HV02" in whole


def test_a_killed_kernel_says_what_to_do_and_what_was_begun(builder: Build) -> None:
    told = card(builder().killed())
    assert "UNKNOWN 05 Move the VM unknown: It ended without a result" in told
    assert "Survey both hosts before acting" in told
    assert "05 Move the VM: HV01: move VM01 to HV02, storage included (begun 2026-11-23 21:04:23 UTC)" in told
    assert "Away not measured" in told


def test_no_lost_probe_is_less_than_an_interval_not_zero(builder: Build) -> None:
    build = builder()
    record = build.passed()
    path = record.step_dir("06_verify_migration") / "result.json"
    text = path.read_text(encoding="utf-8").replace('"gap_s": 0.6', '"gap_s": null').replace('"udp"', "null")
    path.write_text(text.replace('"gap_upper_s": 0.7', '"gap_upper_s": 0.1'), encoding="utf-8")
    assert "Away less than 0.10 s" in card(record)


def test_text_from_outside_stays_text(builder: Build) -> None:
    html = page(builder(vm=HOSTILE).passed())
    assert HOSTILE in words(html)
    outside = re.sub(r"<script type=\"application/json\".*?</script>", "", html, flags=re.DOTALL)
    assert outside.count("<script") == 2  # plotly.js (taken out here) and the page's own
    assert "<img" not in outside
    assert "onerror=alert" not in re.sub(r">[^<]*<", "><", outside)


def test_a_notebook_is_shown_without_its_scripts_and_addresses(builder: Build) -> None:
    html = page(builder().passed())
    assert "<b>bold</b>" in html
    assert "evil.example" not in html
    assert "alert(1)" not in html
    assert "HV02: no such switch" in html
    assert "border-left:6px solid #1a7f5a" in html


def test_nothing_points_outside_and_ids_are_unique(builder: Build) -> None:
    html = page(builder().passed())
    assert re.findall(r"""(?:src|href|action)\s*=\s*["']?\s*(?!#)[^"'\s>]+""", re.sub(r">[^<]*<", "><", html)) == []
    ids = re.findall(r'<[^>]*\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)
    assert "default-src &#x27;none&#x27;" in html


def test_plotly_stands_in_it_once(builder: Build) -> None:
    text = build_report(builder().passed()).read_text(encoding="utf-8")
    assert text.count(plotly_js()) == 1
    assert text.count('class="figure"') == 4 + 7  # four of the record, one in each notebook


@pytest.mark.parametrize("gone", ["change.json", "journal.jsonl", "samples", "steps", "lab"])
@pytest.mark.parametrize("kind", ["passed", "killed", "refused"])
def test_it_is_built_whatever_is_missing(builder: Build, gone: str, kind: str) -> None:
    record: Record = getattr(builder(), kind)()
    path = record.path / gone
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    html = page(record)
    assert html.rstrip().endswith("</html>")
    assert words(html).count("How to verify this record") == 1


def test_a_notebook_cut_off_is_said_and_the_rest_is_there(builder: Build) -> None:
    record = builder().passed()
    path = record.step_dir("05_move_vm") / "notebook.ipynb"
    path.write_bytes(path.read_bytes()[:200])
    assert "This notebook cannot be shown" in words(page(record))


def test_a_damaged_journal_is_said(builder: Build) -> None:
    record = builder().passed()
    raw = record.journal_path.read_bytes()
    record.journal_path.write_bytes(raw.replace(b"HV02: Disable-VMMigration", b"HV03: Disable-VMMigration", 1))
    told = words(page(record))
    assert "The journal is damaged This page was made from it" in told
    assert "CHAIN BROKEN" in told
    assert "was altered: its digest does not match" in told


def test_many_checks_that_pass_are_folded_and_the_others_stand_open(builder: Build) -> None:
    build = builder()
    record = build.open()
    started = build.begin(record, "03_verify_hosts")
    rows = [{"id": f"c{n}", "title": f"Check {n}", "verdict": "PASS"} for n in range(9)]
    failed = {"id": "x", "title": "Free disk", "verdict": "FAIL", "remedy": "Free some."}
    build.finish(record, "03_verify_hosts", started, verdict="refused", checks=[*rows, failed])
    html = page(record)
    opened = re.sub(r"<details.*?</details>", "", html, flags=re.DOTALL)
    assert "Free disk" in opened
    assert "Check 3" not in words(opened)
    assert "Checks: 9 of 10 pass" in words(opened)
    assert "9 checks that pass" in words(html)


def test_the_journal_reads_like_a_log(builder: Build) -> None:
    build = builder()
    record = build.passed()
    reads = {"HV01": ["Get-VMHost", "Get-VM"], "HV02": ["Get-VMHost"]}
    build.journal(record).append("command", "03_verify_hosts", {"reads": reads, "changes": False})
    build.journal(record).append("note", None, {"long": "x" * 5_000, "none": None, "list": [1, "<b>"]})
    told = words(page(record))
    assert "03 command read, changing nothing HV01 Get-VMHost Get-VM HV02 Get-VMHost" in told
    assert "05 intent HV01: move VM01 to HV02, storage included undo: HV01: Disable-VMMigration" in told
    assert "05 command HV01 Enable-VMMigration" in told
    assert "1,000 characters more in journal.jsonl" in told
    assert 'list [1, "<b>"]' in told


def test_a_missing_journal_does_not_mean_that_nothing_was_changed(builder: Build) -> None:
    record = builder().passed()
    record.journal_path.unlink()
    assert "What was changed Unknown: the journal is damaged." in card(record)


def test_it_is_rebuilt_the_same_and_not_after_sealing(builder: Build) -> None:
    record = builder().passed()
    first = build_report(record).read_bytes()
    assert build_report(record).read_bytes() == first
    seal(record, FakeClock())
    with pytest.raises(RecordError, match="sealed"):
        build_report(record)
    assert verify(record.path).state == "sealed"
