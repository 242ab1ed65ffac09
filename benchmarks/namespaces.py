"""Linux network namespaces of our own, without a name in the file system: they end with the process that made them.

A namespace lives as long as somebody holds its descriptor or runs in it, so a killed test leaves none behind.
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

__all__ = ["Namespace", "Nft", "why_not"]

_CLONE_NEWNET = 0x40000000
_OURS = "/proc/thread-self/ns/net"
_NFTABLES = "libnftables.so.1"
_PROGRAMS = ("ip", "nft", "fping", "ping")
_LIMIT_S = 20


def why_not() -> str | None:
    """Why no namespaces can be had here, in a sentence; None when they can."""
    if sys.platform != "linux":
        return "only on Linux are there network namespaces"
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    try:
        Namespace().close()
    except OSError as error:
        return f"no network namespace can be made here: {error.strerror}"
    return None


@functools.cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Namespace:
    """One machine's network. What a thread opens or starts within `entered` belongs to it ever after.

    Raises OSError where the kernel makes none.
    """

    def __init__(self) -> None:
        home = os.open(_OURS, os.O_RDONLY)
        try:
            _checked(_libc().unshare(_CLONE_NEWNET))
            self._descriptor = os.open(_OURS, os.O_RDONLY)
            _checked(_libc().setns(home, _CLONE_NEWNET))
        finally:
            os.close(home)
        self.run("ip", "link", "set", "lo", "up")

    @property
    def path(self) -> str:
        """By which `ip` knows it, as long as we run."""
        return f"/proc/{os.getpid()}/fd/{self._descriptor}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is in it, and so is every process it starts meanwhile."""
        home = os.open(_OURS, os.O_RDONLY)
        try:
            _checked(_libc().setns(self._descriptor, _CLONE_NEWNET))
            try:
                yield
            finally:
                _checked(_libc().setns(home, _CLONE_NEWNET))
        finally:
            os.close(home)

    def run(self, *words: str, text: str | None = None) -> str:
        """Run a program in it and return what it printed; raises OSError with its complaint when it fails."""
        with self.entered():
            done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
        if done.returncode:
            raise OSError(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}")
        return done.stdout

    def start(self, *words: str, out: IO[bytes] | int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start a program in it; the caller ends it."""
        with self.entered():
            return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)

    def configure(self, name: str, value: int | str) -> None:
        """Set one of its kernel parameters, such as ``net/ipv4/ping_group_range``."""
        with self.entered(), open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
            file.write(str(value))

    def close(self) -> None:
        """Let go of it; it ends with the last process that runs in it."""
        os.close(self._descriptor)


class Nft:
    """nft's commands in this process: a command has taken effect when the call returns, within about 0.1 ms."""

    def __init__(self, within: Namespace) -> None:
        self._within = within
        self._library = ctypes.CDLL(_NFTABLES)
        self._library.nft_ctx_new.restype = ctypes.c_void_p
        self._library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
        with within.entered():
            self._context = ctypes.c_void_p(self._library.nft_ctx_new(0))
        self._library.nft_ctx_buffer_error(self._context)

    def __call__(self, *commands: str) -> None:
        """One transaction; raises OSError with nft's own words."""
        with self._within.entered():
            failed = self._library.nft_run_cmd_from_buffer(self._context, "\n".join(commands).encode("ascii"))
        if failed:
            raise OSError(self._library.nft_ctx_get_error_buffer(self._context).decode("utf-8", "replace").strip())

    def close(self) -> None:
        """Let go of the library's own."""
        self._library.nft_ctx_free(self._context)
