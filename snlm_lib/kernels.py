"""Kernels of this very interpreter, each for one notebook; the next one warms up while a notebook runs.

A kernel that is started ahead has done its imports and nothing else: it has run no cell, knows no
notebook, serves once and is ended. Judges nothing and knows no papermill.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty
from types import TracebackType
from typing import Any

from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Dict, Type
from traitlets.config import Config

from snlm_lib.process import identity_of, terminate

__all__ = ["FORKS", "START_LIMIT_S", "KernelNeverReady", "Kernels", "OwnKernelManager", "end_kernel"]

FORKS = sys.platform == "linux"
START_LIMIT_S = 180  # twenty runs at once on two cores need more than a minute
# what the notebooks import, done before the first cell; a fault in there shows in that cell, not here
_IMPORTS = "import gc; import snlm_lib.notebook; gc.freeze(); gc.enable(); del gc, snlm_lib"
# what `-m ipykernel_launcher` does, without the debugger and with the standard library's frozen modules
_PROGRAM = (
    "import gc, sys; gc.disable(); sys.modules['debugpy'] = None; "
    "from ipykernel.kernelapp import launch_new_instance; launch_new_instance()"
)
_COMMAND = [
    *(sys.executable, "-P", "-c", _PROGRAM, "-f", "{connection_file}"),
    *(f"--IPKernelApp.exec_lines={_IMPORTS}", "--HistoryManager.hist_file=:memory:"),
]


class KernelNeverReady(RuntimeError):
    """A kernel ended, or said nothing, before it could be given its first cell: no harm was done."""


class _Client(AsyncKernelClient):
    """Ready when the kernel answers and its outputs arrive.

    The parent then listens a fifth of a second longer, for messages that belong to no cell and are
    dropped by their ids anyway.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        end = asyncio.get_running_loop().time() + (timeout or START_LIMIT_S)
        while asyncio.get_running_loop().time() < end:
            self.kernel_info()
            with suppress(Empty):
                reply = await self.get_shell_msg(timeout=1)
                if reply["msg_type"] == "kernel_info_reply":
                    await self.get_iopub_msg(timeout=0.2)
                    self._handle_kernel_info_reply(reply)
                    return
            if not await self.is_alive():
                raise KernelNeverReady("the kernel ended before it could be given a cell")
        raise KernelNeverReady("the kernel did not answer in time")


class OwnKernelManager(AsyncKernelManager):
    """Starts this interpreter, whatever kernelspec of that name is installed somewhere."""

    additions = Dict().tag(config=True)  # environment variables beside our own
    client_class = "snlm_lib.kernels._Client"
    client_factory = Type(klass="jupyter_client.KernelClient", default_value="snlm_lib.kernels._Client")

    forge: _Forge | None = None

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(resource_dir="", **{**get_kernel_dict(), "argv": _COMMAND})

    async def _async_pre_start_kernel(self, **options: Any) -> tuple[list[str], dict[str, Any]]:
        options["env"] = {**os.environ, **self.additions}
        if self.forge is not None and self.provisioner is None:
            made = _Forked(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
            made.forge = self.forge
            self.provisioner = made
        return await super()._async_pre_start_kernel(**options)

    async def _async_wait(self, pollinterval: float = 0.1) -> None:
        """Look often whether it has ended: the usual tenth of a second is long beside a short step."""
        await super()._async_wait(pollinterval=pollinterval / 20)


class _Forge:
    """The process whose children are kernels (`snlm_lib.forge`), and the door to it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        command = [sys.executable, "-P", "-m", "snlm_lib.forge"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environ},
            encoding="utf-8",
        )
        self._lock = threading.Lock()

    def fork(self, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> int:
        """The process id of a new kernel; raises OSError when the forge or the folder is gone."""
        Path(cwd).stat()
        asked = json.dumps({"argv": list(argv), "env": dict(env), "cwd": cwd})
        patience = threading.Timer(START_LIMIT_S, self._process.kill)  # one that hangs must not hang us
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            patience.start()
            try:
                self._process.stdin.write(f"{asked}\n")
                self._process.stdin.flush()
                told = self._process.stdout.readline().strip()
            finally:
                patience.cancel()
        if not told.isdigit():
            raise OSError("the process that makes kernels has ended")
        return int(told)

    def alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """End it; a kernel that still runs is ended by who took it."""
        self._process.kill()
        self._process.communicate()


class _Child:
    """A kernel that is not our child but our forge's; what a provisioner asks of `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._who = identity_of(pid)

    def poll(self) -> int | None:
        return None if self._who.alive() else 0

    wait = poll  # asked when it has ended already

    def send_signal(self, number: int) -> None:
        raise ProcessLookupError(f"process {self.pid}: its group was told first, and is gone")

    def kill(self) -> None:
        terminate(self._who)

    terminate = kill


class _Forked(LocalProvisioner):
    """Starts a kernel by our forge; ends and watches it as a local one."""

    forge: _Forge

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        pid = self.forge.fork(cmd[cmd.index("-f") :], options["env"], options["cwd"])
        child: Any = _Child(pid)
        self.process, self.pid, self.pgid = child, pid, pid
        return self.connection_info


class _Starting:
    """A kernel that is being started, in a thread of its own."""

    def __init__(self, folder: Path, environ: Mapping[str, str], forge: _Forge | None) -> None:
        config = Config({"OwnKernelManager": {"transport_encryption": "auto", "additions": dict(environ)}})
        self._manager = OwnKernelManager(kernel_name="snlm", config=config)
        self._manager.forge = forge
        self._folder = folder
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._start, name="snlm-kernel", daemon=True)
        self._thread.start()

    def _start(self) -> None:
        try:
            asyncio.run(_start(self._manager, self._folder))
        except Exception as error:  # whatever it is, it is told to who wants the kernel
            self._error = error

    def taken(self) -> OwnKernelManager:
        self._thread.join()
        if self._error is not None:
            raise KernelNeverReady(f"no kernel can be started: {self._error}") from self._error
        return self._manager

    def dropped(self) -> None:
        self._thread.join()
        if self._error is None:
            end_kernel(self._manager)


async def _start(manager: OwnKernelManager, folder: Path) -> None:
    await manager.start_kernel(cwd=str(folder))


def end_kernel(manager: OwnKernelManager) -> None:
    """End a kernel now; one that is gone already is fine.

    In a thread of its own: whoever calls may have an event loop running, and a kernel must not be left behind.
    """
    ending = threading.Thread(target=lambda: asyncio.run(_end(manager)), name="snlm-end-kernel")
    ending.start()
    ending.join()


async def _end(manager: OwnKernelManager) -> None:
    with suppress(RuntimeError, OSError):  # gone already
        await manager.shutdown_kernel(now=True)
    await manager._async_cleanup_resources()


class Kernels:
    """Gives each notebook of one run a kernel of its own; on leaving, the one that nobody took is ended.

    ``folder`` is where they stand (the notebooks'), ``environ`` is added to their environment. ``forks``: they are
    children of one process that has done the imports; the other way serves every system.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], *, forks: bool = FORKS) -> None:
        self._folder = folder
        self._environ = dict(environ)
        self._forge = _Forge(environ) if forks else None
        self._waiting: deque[_Starting] = deque()

    def __enter__(self) -> Kernels:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._forge is not None:
            self._forge.close()  # first: whoever waits for it is told
        while self._waiting:
            self._waiting.popleft().dropped()

    def prepare(self) -> None:
        """Start the next kernel now, unless it waits already."""
        if not self._waiting:
            self._waiting.append(_Starting(self._folder, self._environ, self._living_forge()))

    def _living_forge(self) -> _Forge | None:
        return self._forge if self._forge is not None and self._forge.alive() else None

    def take(self) -> OwnKernelManager:
        """A kernel that has served nobody and will serve nobody else; its taker ends it."""
        self.prepare()
        return self._waiting.popleft().taken()
