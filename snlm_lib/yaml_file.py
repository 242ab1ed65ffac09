"""A YAML file of ours, read with distrust: any Unicode that Windows writes, bounded in size, depth and aliases.

Knows no schema. What it returns is plain data; no tag makes an object, no key stands twice.
"""

from __future__ import annotations

import codecs
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from snlm_lib.errors import ParameterError

__all__ = ["read_mapping"]

_LIMIT_BYTES = 256 * 1024
_LIMIT_DEPTH = 12
_LIMIT_ALIASES = 50
# the longer mark first: UTF-32's begins with UTF-16's
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_mapping(path: Path) -> dict[str, Any]:
    """The file's ``name: value`` lines; an empty file holds none of them and is refused.

    UTF-8 with or without a mark, UTF-16 and UTF-32 with theirs; any line ends. Raises ParameterError
    with file, and line where there is one.
    """
    text = _text(path)
    try:
        _refuse_bomb(text, str(path))
        data = yaml.load(text, Loader=_UniqueKeyLoader)
    except yaml.YAMLError as error:
        raise _not_yaml(error, str(path)) from None
    except (ValueError, OverflowError) as error:  # a date that does not exist, a number of thousands of digits
        raise ParameterError(
            f"holds a value that YAML cannot read ({error})", where=str(path), remedy="Put the value in quotes."
        ) from None
    if data is None:
        raise ParameterError("is empty", where=str(path), remedy="parameters/rehearsal.yaml shows what belongs in it.")
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ParameterError("must be a list of 'name: value' lines", where=str(path), remedy="Correct the file.")
    return data


def _text(path: Path) -> str:
    raw = _bytes(path)
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise ParameterError(
            f"is not {encoding.removesuffix('-sig').upper()} text (byte {error.start})",
            where=str(path),
            remedy="Save it as UTF-8; in Windows PowerShell: Set-Content -Encoding UTF8.",
        ) from None


def _bytes(path: Path) -> bytes:
    where = str(path)
    try:
        if path.exists() and not path.is_file():
            raise ParameterError("is no file", where=where, remedy="Name the YAML file itself.")
        with path.open("rb") as stream:
            raw = stream.read(_LIMIT_BYTES + 1)
    except FileNotFoundError:
        raise ParameterError("no such file", where=where, remedy="Check the path.") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        why = getattr(error, "strerror", None) or str(error)
        raise ParameterError(f"cannot be read: {why}", where=where[:200], remedy="Check the path.") from None
    if len(raw) > _LIMIT_BYTES:
        raise ParameterError(
            f"is larger than {_LIMIT_BYTES // 1024} KiB, which no such file is", where=where, remedy="Check the path."
        )
    return raw


def _refuse_bomb(text: str, where: str) -> None:
    """Bound nesting and what aliases can expand to, before anything is built; raises ParameterError."""
    depth, aliases = 0, 0
    anchored: list[int] = []  # depths at which an anchored collection is open
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if event.anchor:
                anchored.append(depth)
        elif isinstance(event, yaml.CollectionEndEvent):
            if anchored and anchored[-1] == depth:
                anchored.pop()
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
            if anchored or aliases > _LIMIT_ALIASES:
                raise ParameterError(
                    f"its aliases (*) refer to one another or are more than {_LIMIT_ALIASES}",
                    where=where,
                    remedy="Write the values out.",
                )
        if depth > _LIMIT_DEPTH:
            raise ParameterError(f"is nested deeper than {_LIMIT_DEPTH}", where=where, remedy="Correct the file.")


def _not_yaml(error: yaml.YAMLError, where: str) -> ParameterError:
    if isinstance(error, yaml.reader.ReaderError):
        what = f"is no text: it holds the character U+{int(error.character):04X}"
        return ParameterError(what, where=where, remedy="Check the path; save it as UTF-8.")
    mark = getattr(error, "problem_mark", None)
    line = f" in line {mark.line + 1}" if mark else ""
    problem = str(getattr(error, "problem", None) or "it does not parse")
    remedy = _SINGLE_QUOTES if "escape character" in problem else "Correct the file."
    return ParameterError(f"not valid YAML{line}: {problem[:200]}", where=where, remedy=remedy)


_SINGLE_QUOTES = "Put Windows paths and DOMAIN\\user in single quotes: in double quotes a backslash is YAML's own."


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, not the last one silently winning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise _wrong("a key must be a name", key_node)
            if key in seen:
                raise _wrong(f"key {str(key)[:60]!r} stands twice", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _wrong(problem: str, node: yaml.Node) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
