"""``python -m snlm_lib`` is ``snlm``."""

from __future__ import annotations

from snlm_lib.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
