"""Write the pages that are made from the code (`make docs`); knows only where they go."""

from __future__ import annotations

from pathlib import Path

from snlm_lib.connections_page import connections_markdown
from snlm_lib.parameters import parameters_markdown
from snlm_lib.process import write_atomic

__all__ = ["main"]


def main(root: Path) -> None:
    """Write the pages below ``root``."""
    write_atomic(root / "parameters" / "README.md", parameters_markdown())
    write_atomic(root / "parameters" / "connections" / "README.md", connections_markdown())


if __name__ == "__main__":
    main(Path(__file__).resolve().parent.parent)
