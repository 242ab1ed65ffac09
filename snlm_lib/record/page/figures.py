"""The figures of a page: their data kept once each, their places in the text; draws nothing itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from snlm_lib.record.page.html import Html, data_block, el, join

__all__ = ["Figures"]


@dataclass
class Figures:
    """Hands out a place for each figure, with an id that no other has."""

    _blocks: list[Html] = field(default_factory=list)

    def place(self, json_text: str, *, words: str) -> Html:
        """A place to draw ``json_text`` (Plotly's JSON) in; ``words`` say it to those who cannot see it."""
        name = f"figure-{len(self._blocks) + 1}"
        self._blocks.append(data_block(json_text, id_=f"{name}-data"))
        return el("div", id=name, class_="figure", role="img", aria_label=words)

    def blocks(self) -> Html:
        """The data of every figure placed so far."""
        return join(self._blocks)
