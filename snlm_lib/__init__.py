"""snlm: Hyper-V Shared Nothing Live Migration as an approvable, provable change. Importing this costs nothing."""

import sys

# jupyter_events asks for it and it compiles grammars for 0.85 s, in runner and kernel; only a check nobody uses is lost
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

__version__ = "0.1.0"
