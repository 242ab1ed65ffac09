"""The reader of PowerShell data files: what is data, and what is refused with its line."""

from __future__ import annotations

import pytest

from snlm_lib.errors import LabError
from snlm_lib.lab.psdata import read_data

WHOLE = """
# a comment
<# and a longer
   one #>
@{
    Name = 'It''s'; Other = "plain"
    'Quoted key' = $true
    Off = $FALSE
    Count = 12
    One = @{ Inner = 'x' }
    Several = 'a', 'b',
        'c'
    Listed = @(
        @{ Name = '1' }
        @{ Name = '2' }, 'x'; 'y'
    )
    None = @()
    Empty = @{}
}
"""


def test_a_whole_file() -> None:
    assert read_data("\ufeff" + WHOLE, where="x.psrc") == {
        "Name": "It's",
        "Other": "plain",
        "Quoted key": True,
        "Off": False,
        "Count": 12,
        "One": {"Inner": "x"},
        "Several": ["a", "b", "c"],
        "Listed": [{"Name": "1"}, {"Name": "2"}, "x", "y"],
        "None": [],
        "Empty": {},
    }


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("@{\n a = Get-Process\n}", 2, "-Process"),
        ("@{ a = $env:USERNAME }", 1, "$env"),
        ("@{ a = { 1 } }", 1, "{"),
        ('@{\n\n a = "$x" }', 3, '"'),
        ("@{ a = 1 + 1 }", 1, "+"),
        ("@{ a = (1) }", 1, "("),
        ("@{ a = 'open\n}", 1, "'"),
        ("@{ a = 'x' b = 'y' }", 1, "'b'"),
        ("@{ a = 'x'\n A = 'y' }", 2, "stands twice"),
        ("@{ a = }", 1, "'}'"),
        ("@{ a 'x' }", 1, "'x'"),
        ("@{ a = 'x' ", 1, "the end"),
        ("@{}\n@{}", 2, "'@{'"),
        ("'x'", 1, "'x'"),
        ("", 1, "the end"),
        ("@{ a = 'x', }", 1, "'}'"),
        ("@{ a = @('x' 'y') }", 1, "'y'"),
    ],
)
def test_more_than_data_is_refused_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(LabError) as refused:
        read_data(text, where="x.psrc")
    assert f"x.psrc, line {line}" in str(refused.value)
    assert what in str(refused.value)
