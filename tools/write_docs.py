"""Write the pages that are made from the code (`make docs`); knows only where they go."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # called as a file, its folder is not a package

from snlm_lib.connections_page import connections_markdown
from snlm_lib.parameters import parameters_markdown
from snlm_lib.process import write_atomic
from tools.failures_page import failures_markdown

__all__ = ["main"]


def main(root: Path) -> None:
    """Write the pages below ``root``."""
    write_atomic(root / "parameters" / "README.md", parameters_markdown())
    write_atomic(root / "parameters" / "connections" / "README.md", connections_markdown())
    write_atomic(root / "docs" / "failures.md", failures_markdown())


if __name__ == "__main__":
    main(Path(__file__).resolve().parent.parent)
