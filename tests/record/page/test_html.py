"""Escaping by default, and a sieve that lets nothing active through."""

from __future__ import annotations

import pytest

from snlm_lib.record.page.html import Html, data_block, el, join, sieve, table


def test_children_and_attributes_are_escaped() -> None:
    assert el("p", "<b>&", class_='a"b', hidden=False, open=True) == '<p class="a&quot;b" open>&lt;b&gt;&amp;</p>'
    assert el("p", Html("<b>"), None, ["x", "<"]) == "<p><b>x&lt;</p>"
    assert el("br") == "<br>"


def test_a_lone_surrogate_does_not_break_the_page() -> None:
    join("\ud800 name").encode("utf-8")
    assert join("\ud800") == "?"


def test_a_data_block_cannot_be_ended_from_inside() -> None:
    block = data_block('{"a":"</script><!--&"}', id_="x")
    assert block.count("</script") == 1
    assert "\\u003c/script\\u003e\\u003c!--\\u0026" in block


def test_a_table_names_its_cells_for_narrow_pages() -> None:
    made = table(["A"], [["<x>"]], class_="wide")
    assert '<td data-label="A">&lt;x&gt;</td>' in made
    with pytest.raises(ValueError, match="zip"):
        table(["A"], [["x", "y"]])


@pytest.mark.parametrize(
    ("foreign", "kept"),
    [
        ("<b>x</b>", "<b>x</b>"),
        ("<script>alert(1)</script>y", "y"),
        ("<SCRIPT>alert(1)</SCRIPT>y", "y"),
        ("<script>alert(1)", ""),
        ("<style>*{display:none}</style>y", "y"),
        ("<svg onload=alert(1)><script>1</script></svg>y", "y"),
        ("<a href='javascript:alert(1)'>x</a>", "<a>x</a>"),
        ("<p onclick=alert(1) id=card class=c>x</p>", '<p class="c">x</p>'),
        ("<img src=http://evil/x.png>", ""),
        ("<img src=data:image/svg+xml;base64,AA>", ""),
        ("<img src='data:image/png;base64,AA=='>", '<img src="data:image/png;base64,AA==">'),
        ("<iframe src=x>a</iframe>y", "y"),
        ("<form action=x><input name=y>z</form>", "z"),
        ("<div style='color:red'>x</div>", '<div style="color:red">x</div>'),
        ("<div style='background:url(http://evil)'>x</div>", "<div>x</div>"),
        ("<div style='position:fixed;top:0'>x</div>", "<div>x</div>"),
        ("<div style='background:u\\72l(x)'>x</div>", "<div>x</div>"),
        ("<div><p>never closed", "<div><p>never closed</p></div>"),
        ("</section></main>x", "x"),
        ("a &lt;script&gt; &amp; b", "a &lt;script&gt; &amp; b"),
        ("<!-- comment -->x<?php 1 ?>", "x"),
        ("<<b>x", "&lt;<b>x</b>"),
    ],
)
def test_the_sieve(foreign: str, kept: str) -> None:
    assert sieve(foreign) == kept
