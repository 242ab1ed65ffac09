"""PSRP fragments to messages and back, for many threads; one unreadable message costs only itself. Knows no host.

pypsrp's fragmenter is shared by all pipelines of a pool and unlocked, and what its unpacking raises for
one message loses all that came in the same answer.
"""

from __future__ import annotations

import struct
import threading
from typing import Any

from pypsrp.messages import Message, MessageType
from pypsrp.powershell import Fragmenter

from snlm_lib.remote.clixml import PlainSerializer, Unreadable

__all__ = ["PlainFragmenter"]

_HEAD = struct.Struct(">QQBI")  # object id, fragment id, start and end bits, length (MS-PSRP 2.2.4)
_MESSAGE_HEAD_BYTES = 40
_START, _END = 1, 2
_KINDS = frozenset(value for value in vars(MessageType).values() if isinstance(value, int))
_UNUSED = frozenset({MessageType.PIPELINE_HOST_CALL, MessageType.RUNSPACEPOOL_HOST_CALL, MessageType.USER_EVENT})


class PlainFragmenter(Fragmenter):
    """pypsrp's fragmenter under a lock. `defragment` raises Unreadable when the stream itself is broken."""

    def __init__(self, max_size: int, serializer: PlainSerializer) -> None:
        super().__init__(max_size, serializer)
        self._lock = threading.RLock()
        self._parts: dict[int, list[bytes]] = {}

    def fragment(self, *arguments: Any, **named: Any) -> list[bytes]:
        with self._lock:
            return super().fragment(*arguments, **named)

    def defragment(self, data: bytes) -> list[Message]:
        """The messages that ``data`` completes, in their order; a kind that nobody knows is left out."""
        with self._lock:
            messages = (self._message(whole) for whole in self._joined(data))
            return [message for message in messages if message is not None]

    def _joined(self, data: bytes) -> list[bytes]:
        whole = []
        while data:
            if len(data) < _HEAD.size:
                raise Unreadable("a fragment is shorter than its head")
            object_id, number, bits, length = _HEAD.unpack_from(data)
            blob, data = data[_HEAD.size : _HEAD.size + length], data[_HEAD.size + length :]
            if len(blob) < length:
                raise Unreadable("a fragment is shorter than it says")
            parts = self._parts.setdefault(object_id, [])
            if number != len(parts) or (number == 0) != bool(bits & _START):
                raise Unreadable("fragments of a message are missing or out of order")
            parts.append(blob)
            if bits & _END:
                whole.append(b"".join(self._parts.pop(object_id)))
        return whole

    def _message(self, data: bytes) -> Message | None:
        if len(data) < _MESSAGE_HEAD_BYTES:
            raise Unreadable("a message is shorter than its head")
        head, text = data[:_MESSAGE_HEAD_BYTES], data[_MESSAGE_HEAD_BYTES:]
        # Bytes that are no UTF-8 stay visible as U+FFFD, in their own message only.
        sound = text.decode("utf-8", "replace").encode("utf-8")
        kind = int.from_bytes(head[4:8], "little")
        try:
            return Message.unpack(head + sound, self.serializer) if kind in _KINDS else None
        # A foreign parser met foreign bytes: it raises whatever its innards raise.
        except Exception as error:
            if kind in _UNUSED:
                return None
            if isinstance(error, Unreadable):
                raise
            raise Unreadable(f"a message of kind {kind:#x} makes no sense ({type(error).__name__})") from None
