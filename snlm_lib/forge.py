"""Kernels by fork: this process has read what notebooks import and runs no cell; each of its children is one kernel.

Started by `kernels` as `python -m snlm_lib.forge`, on Linux only: elsewhere a kernel is a process of its own from the
start. One line of JSON on standard input asks for a kernel (``argv``, ``env``, ``cwd``), one line with its process id
answers. It ends when its input does, and so do its children: not because this process ended, but because who asked did.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import threading
from contextlib import suppress
from typing import Any

__all__ = ["main"]

_NO_PARENT = "--IPKernelApp.parent_handle=1"  # process 1 never ends: the kernel looks after no parent of its own


def main() -> None:
    """Serve until the input ends; in each child, be a kernel."""
    os.setsid()  # Ctrl-C in a console is for the runner
    gc.disable()
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # nobody debugs a change; it costs each start a tenth
    from ipykernel.kernelapp import launch_new_instance

    with suppress(Exception):  # a fault in there shows in the cell that imports it, not here
        import snlm_lib.notebook  # noqa: F401
    gc.freeze()
    asked = _serve()
    if asked is not None:
        gc.enable()
        launch_new_instance(argv=[*asked["argv"], _NO_PARENT])


def _serve() -> dict[str, Any] | None:
    """In the parent: None at the end of the input. In a child: what was asked of it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a kernel that ended leaves nothing behind
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(asked)
            return asked
        print(pid, flush=True)
    return None


def _become(asked: dict[str, Any]) -> None:
    os.setsid()  # signals to a kernel's group reach no other
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asker = os.dup(0)
    threading.Thread(target=_end_with, args=(asker,), name="snlm-end-with-runner", daemon=True).start()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # standard output was the answer's way
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])


def _end_with(asker: int) -> None:
    """Wait for the other end of the input to close, reading nothing: what is asked is for the parent."""
    waiting = select.poll()
    waiting.register(asker, 0)
    waiting.poll()
    os._exit(1)


if __name__ == "__main__":
    main()
