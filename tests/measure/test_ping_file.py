"""pings.csv as it is written: its first line, its columns, when rows reach the disk, and a disk that refuses."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.errors import RecordError
from snlm_lib.measure.ledger import PING_COLUMNS, PingRow
from snlm_lib.measure.ping_file import FLUSH_S, PingFile, PingHeader, TargetFacts, read_header
from tests.measure.raw_rows import raw_rows

ROW = PingRow("0", "VM01", "udp", "0.0000", "2026-11-23T21:04:00.000Z", "0.000100", "answered", "1.000", "")
VM01 = TargetFacts("VM01", "machine", "192.0.2.7", ("icmp", "tcp"), {"tcp": "echo"})
HEADER = PingHeader(
    vantage="JÜMP01",
    started_utc="2026-11-23T21:04:00.000Z",
    started_monotonic_s=12.5,
    interval_ms=100,
    timeout_ms=1000,
    targets=(VM01, TargetFacts("DC01", "control")),
    resolution_ms=100,
    clock_offsets_s={"HV01": 0.012, "HV02": None},
)
ROOT = Path(__file__).resolve().parents[2]
BEGINNING = HEADER.line() + ",".join(PING_COLUMNS) + "\n"


def test_the_header_is_one_line_and_read_as_it_was_written() -> None:
    assert HEADER.line().startswith('# snlm.pings/2 {"clock_offsets_s": {"HV01": 0.012, "HV02": null}')
    assert HEADER.line().count("\n") == 1
    assert read_header(HEADER.line()) == HEADER


def test_a_later_versions_key_is_passed_over() -> None:
    line = HEADER.line().replace('"interval_ms"', '"weather": "fine", "interval_ms"')
    assert read_header(line) == HEADER


@pytest.mark.parametrize(
    "line",
    ["", "seq,target\n", "# snlm.pings/3 {}\n", "# snlm.pings/2 {\n", "# snlm.pings/2 []\n", "# snlm.pings/2 {}\n"],
)
def test_a_line_that_is_no_header_is_an_error(line: str) -> None:
    with pytest.raises(RecordError, match=r"snlm\.pings/2"):
        read_header(line)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"resolution_ms": ', '"resolution_ms": -'),
        ('"interval_ms": ', '"interval_ms": 0, "was": '),
        ('"interval_ms": ', '"interval_ms": "x", "was": '),
        ('"HV01": 0.012', '"HV01": "late"'),
        ('"HV01": 0.012', '"HV01": NaN'),
        ('"vantage": ', '"vantage": 5, "was": '),
    ],
)
def test_a_figure_that_cannot_be_is_an_error_and_no_fault(was: str, now: str) -> None:
    line = HEADER.line().replace(was, now, 1)
    assert line != HEADER.line()
    with pytest.raises(RecordError, match=r"snlm\.pings/2"):
        read_header(line)


def test_rows_reach_the_disk_a_few_times_a_second_not_at_once(tmp_path: Path) -> None:
    clock = FakeClock()
    file = PingFile(tmp_path / "pings.csv", HEADER, clock)
    file.write([ROW])
    assert (tmp_path / "pings.csv").read_text(encoding="utf-8") == BEGINNING
    clock.advance(FLUSH_S)
    file.write([])
    assert (tmp_path / "pings.csv").read_text(encoding="utf-8") == BEGINNING + ",".join(ROW) + "\n"
    file.close()


def test_a_file_that_moved_is_noticed_and_keeps_every_row(tmp_path: Path) -> None:
    clock = FakeClock()
    file = PingFile(tmp_path / "pings.csv", HEADER, clock)
    (tmp_path / "pings.csv").rename(tmp_path / "elsewhere.csv")
    clock.advance(FLUSH_S)
    with pytest.raises(FileNotFoundError):
        file.write([ROW])
    file.write([ROW])
    file.close()
    assert (tmp_path / "elsewhere.csv").read_text(encoding="utf-8") == BEGINNING + 2 * (",".join(ROW) + "\n")


def test_another_file_in_its_place_is_noticed(tmp_path: Path) -> None:
    clock = FakeClock()
    file = PingFile(tmp_path / "pings.csv", HEADER, clock)
    (tmp_path / "pings.csv").rename(tmp_path / "elsewhere.csv")
    (tmp_path / "pings.csv").write_text("another's", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="another file than ours"):
        file.flush()
    file.close()
    assert (tmp_path / "pings.csv").read_text(encoding="utf-8") == "another's"


FULL = """
import resource, sys
from pathlib import Path
from snlm_lib.clock import FakeClock
from tests.measure.test_ping_file import BEGINNING, HEADER, ROW, PingFile
resource.setrlimit(resource.RLIMIT_FSIZE, (len(BEGINNING.encode()) + 100, resource.RLIM_INFINITY))
clock = FakeClock()
file = PingFile(Path(sys.argv[1]), HEADER, clock)
file.write([ROW])
file.flush()
try:
    file.write([ROW] * 2)
    file.flush()
except OSError as error:
    print(error.errno, file.written)
file.close()
file.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: a limit of a file's size")
def test_a_disk_that_is_full_is_an_error_and_closing_is_quiet(tmp_path: Path) -> None:
    path = tmp_path / "pings.csv"
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout.split(), done.stderr) == ([str(errno.EFBIG), "1"], "")
    assert path.read_text(encoding="utf-8").startswith(BEGINNING + ",".join(ROW) + "\n")
    assert len(raw_rows(path)) == 1, "the torn row is none"


NONE_LEFT = """
import resource, sys
from pathlib import Path
from snlm_lib.clock import FakeClock
from tests.measure.test_ping_file import HEADER, PingFile
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
try:
    PingFile(Path(sys.argv[1]), HEADER, FakeClock())
except OSError as error:
    print(error.errno)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: a limit of a file's size")
def test_a_disk_that_was_full_already_is_left_without_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pings.csv"
    done = subprocess.run([sys.executable, "-c", NONE_LEFT, str(path)], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout.split(), done.stderr) == ([str(errno.EFBIG)], "")
    assert not path.exists()
