"""PowerShell's wildcards: ``*``, ``?``, ``[a-c]``, and the backtick that takes their meaning away."""

from __future__ import annotations

import functools
import re

__all__ = ["has_wildcard", "matches"]


def has_wildcard(pattern: str) -> bool:
    """Would Windows treat this text as a pattern?"""
    return re.search(r"(?<!`)[*?\[]", pattern) is not None


def matches(pattern: str, text: str) -> bool:
    """Does ``text`` fit the pattern, in any case?"""
    return _regex(pattern).fullmatch(text) is not None


@functools.lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    parts = re.findall(r"`.|\*|\?|\[[^\]]+\]|.", pattern, re.DOTALL)
    return re.compile("".join(_piece(part) for part in parts), re.IGNORECASE | re.DOTALL)


def _piece(part: str) -> str:
    if part == "*":
        return ".*"
    if part == "?":
        return "."
    if part.startswith("[") and part.endswith("]") and len(part) > 2:
        return f"[{re.escape(part[1:-1]).replace(chr(92) + '-', '-')}]"
    return re.escape(part[1:] if len(part) == 2 and part[0] == "`" else part)
