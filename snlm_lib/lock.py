"""The lock between processes, apart from the rest of the operating system: its library is slow to import."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import portalocker

from snlm_lib.errors import RecordError

__all__ = ["FileLock"]


class FileLock:
    """An exclusive lock between processes; its file says who holds it.

    Entering waits up to ``wait_s`` and then raises RecordError that names the holder; so does a folder
    that cannot be written. The operating system frees it when the holder dies.
    """

    def __init__(self, path: Path, *, wait_s: float = 5.0) -> None:
        self._path = path
        self._wait_s = wait_s
        self._lock: portalocker.Lock | None = None

    def __enter__(self) -> FileLock:
        lock = portalocker.Lock(self._path, mode="a", timeout=self._wait_s, check_interval=0.02)
        try:
            lock.acquire()
        except portalocker.exceptions.LockException as error:
            raise RecordError(
                f"held by {self.holder() or 'another process'}",
                where=str(self._path.parent),
                remedy="Wait until it is done, or end it, then try again.",
            ) from error
        except OSError as error:
            raise RecordError(
                f"cannot be locked: {error.strerror or error}",
                where=str(self._path.parent),
                remedy="Check that the folder is there and can be written.",
            ) from error
        self._lock = lock
        with suppress(OSError):  # who holds it is a courtesy; that it is held is not
            self._holder_path.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def _holder_path(self) -> Path:
        # beside the lock: Windows lets nobody read a locked file
        return self._path.with_name(self._path.name + "-holder")

    def holder(self) -> str | None:
        """Who took the lock last, in words; None when nobody ever did."""
        try:
            return self._holder_path.read_text(encoding="utf-8").strip() or None
        except OSError:
            return None
