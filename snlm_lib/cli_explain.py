"""`snlm explain`: where its text comes from and how its answer is printed; finds nothing itself."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from snlm_lib.errors import InputError
from snlm_lib.explain.catalogue import load_catalogue
from snlm_lib.explain.explain import explain
from snlm_lib.explain.words import as_lines, as_object, list_lines, nothing_found
from snlm_lib.progress import Watcher

__all__ = ["answer", "catalogue_list", "decoded", "pasted_text", "tell"]

_READ_BYTES = 64 << 20  # more than any message; a stream without end must end here
_WIDEST = 100
_PASTE = "Paste the whole message with its HRESULT (0x...) or event id; 'snlm explain --list' names what is known"


def pasted_text(words: Sequence[str], file: Path | None) -> str:
    """The words, else the file's text, else what comes in at standard input; InputError when there is none."""
    if file is not None and words:
        raise InputError("both a text and --file are given", remedy="Give one of them.")
    if file is not None:
        try:
            with file.open("rb") as stream:
                return decoded(_read(stream))
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", where=str(file)) from error
    if words and list(words) != ["-"]:
        return " ".join(words)
    if sys.stdin is None or (sys.stdin.isatty() and not words):
        raise InputError("nothing to explain", remedy="Example: snlm explain 0x8009030E")
    return decoded(_read(sys.stdin.buffer))


def _read(stream: BinaryIO) -> bytes:
    """At most `_READ_BYTES`, the last of them when it can be told: the newest lines of a log stand at its end."""
    if stream.seekable():
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _READ_BYTES))
    return stream.read(_READ_BYTES)


def decoded(data: bytes) -> str:
    """UTF-8 or UTF-16 (what Windows PowerShell's ``>`` writes) by their marks, else UTF-8, else code page 1252."""
    for mark, name in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if data.startswith(mark):
            return data.decode(name, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def answer(text: str, *, as_json: bool) -> tuple[str, int]:
    """What is said about ``text``, and the exit code.

    When nothing is known: InputError, or with ``as_json`` an object without matches and exit code 2.
    """
    catalogue = load_catalogue()
    found = explain(text, catalogue)
    if as_json:
        return json.dumps(as_object(found), ensure_ascii=True, indent=2), 0 if found.matches else 2
    if not found.matches:
        raise InputError(nothing_found(found) if text.strip() else "nothing to explain", remedy=_PASTE + ".")
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    return "\n".join(as_lines(found, catalogue, width=max(width, 40))), 0


def catalogue_list() -> str:
    """Every failure that the catalogue knows."""
    return "\n".join(list_lines(load_catalogue()))


def tell(watcher: Watcher, text: Sequence[str], file: Path | None, as_json: bool, every: bool) -> int:
    """Say what is known of the text, or list everything; 2 when nothing fits."""
    said, code = (catalogue_list(), 0) if every else answer(pasted_text(text, file), as_json=as_json)
    watcher.say(said)
    return code
