"""What a line of another tool's log says of a probe: ``fping``, ``ping``, Windows ``ping``, in any language.

Read by their numbers: ``[seq]``, ``seq=``, ``TTL=`` and what follows ``=`` or ``<``; no word is looked for. Knows no
moment but the stamp of a line, and judges nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import ceil

from snlm_lib.measure.ledger import ANSWERED, DUPLICATE, LOST

__all__ = ["READERS", "Line", "Log", "Run"]

Run = tuple[str, int]  # whom it probed, and the how many-th of its runs

_WRAP = 1 << 16  # icmp_seq has 16 bits
_BEHIND = _WRAP >> 4  # an answer is no more numbers late than that
_HALF_DAY_S = 43200  # a clock's hands, whether it counts 12 hours or 24
_SET_BACK_S = 7200  # a clock that shows less than before was set back by no more, or a new half day has begun

_EPOCH = r"(?:\[(?P<at>\d+\.\d+)\]\s*)?"
_FPING = re.compile(_EPOCH + r"(?P<again>\D*?)(?P<host>\S+)\s+: \[(?P<seq>\d+)\], (?:\d+ bytes, (?P<rtt>[\d.]+) ms)?")
_UNIX = re.compile(_EPOCH + r"(?P<line>.*?\b(?P<icmp>icmp_)?seq[= ])(?P<seq>\d+)(?P<rest>.*)")
_UNIX_RTT = re.compile(r"(?:ttl|hlim)=\d+(?:.*?=(?P<rtt>[\d.,]+) ?ms)?", re.IGNORECASE)
_UNIX_TITLE = re.compile(r"PING6?(?:\b|(?=\())")
_FROM_ZERO = re.compile(r"^PING6\(|\):")  # what BSD's and BusyBox's titles have; Linux counts from one
_STATISTICS = re.compile(r"--- (?P<name>\S+) .*---\s*$")
_TRANSMITTED = re.compile(r"\D*(\d+)\D+\d+\D.*%")
_ADDRESS = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*)(?![\w.])")
_WINDOWS_NUMBER = re.compile(r"[=<](\d+)")
_TITLE_END = (":", "\uff1a")
_ALONE = re.compile(r"(?<![\w.:])\d+(?![\w.:])")  # the title tells how many bytes, the statistics' line does not
_TITLE_NAMED = re.compile(r"\[[0-9a-fA-F.:%]+\]|\bping", re.IGNORECASE)
_COUNTS = re.compile(r"=\s*(\d+)")
_WINDOWS_TTL = re.compile(r"\bTTL=\d+")
_TIME_OF_DAY = re.compile(
    r"^(?P<date>.{0,24}?)(?:(?<=\dT)|(?<![\w:]))(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d{1,9}))?"
    r"(?:\s*[AaPp]\.?[Mm]\b\.?|Z|\s?[+-]\d\d:?\d\d)?(?![\w:]*\w)[\s\-|;,:\])>]*"
)


@dataclass(frozen=True)
class Line:
    """One probe's line: ``at_s`` is when it was printed, on any scale; None when the log does not say."""

    seq: int
    target: str
    status: str
    rtt_ms: float | None
    at_s: float | None
    coarse_s: float = 0.0  # what the stamp cannot tell apart
    run: int = 0


@dataclass(frozen=True)
class Log:
    """``tool`` is what wrote it; ``dated``: its stamps are seconds since 1970, UTC; ``numbered``: its probes are.

    ``sent``: the numbers that a run sent by its title and its statistics, whether a line tells of them or not.
    """

    tool: str
    lines: list[Line]
    dated: bool
    numbered: bool
    sent: Mapping[Run, range] = field(default_factory=dict)


class _Numbers:
    """What the numbers of one machine say: 16 bits begin anew, and so does whoever runs the tool again."""

    def __init__(self) -> None:
        self.run = 0
        self.heard = False
        self._begun = False
        self._newest: int | None = None
        self._fates: dict[int, str] = {}

    def begin(self) -> None:
        """A run begins, unless nothing was told of the last one."""
        self.run += self._begun
        self._begun, self.heard, self._newest, self._fates = True, False, None, {}

    def take(self, number: int, status: str, *, once: bool = False) -> int:
        """The number of this probe in its run; ``once``: the tool tells a loss only once."""
        newest = self._newest
        if newest is not None and number <= 1 and _BEHIND < newest % _WRAP < _WRAP - _BEHIND:
            self.begin()
        seq = self._whole(number)
        known = self._fates.get(seq)
        if status != DUPLICATE and (known == ANSWERED or (once and known == status)):
            self.begin()
            seq = number
        self._begun, self.heard = True, self.heard or status == ANSWERED
        self._newest = max(seq, seq if self._newest is None else self._newest)
        if status != DUPLICATE:
            self._fates[seq] = status
        return seq

    def answered(self, number: int) -> bool:
        """Was this probe of this run answered already?"""
        return self._fates.get(self._whole(number)) == ANSWERED

    def sent(self, first: int, count: int) -> range:
        """The numbers of a run that sent so many; the very last one may still have been on its way."""
        last = first + count - 1
        return range(first, last if self._newest == last - 1 else last + 1)

    def _whole(self, number: int) -> int:
        if self._newest is None or number >= _WRAP:
            return number
        behind = (self._newest - number) % _WRAP
        late = behind <= min(_BEHIND, self._newest)
        return self._newest - behind if late else self._newest + _WRAP - behind


def _fping(text: Sequence[str]) -> Log:
    lines: list[Line] = []
    known: dict[str, _Numbers] = {}
    for one in filter(None, map(_FPING.match, text)):
        again = bool(one["again"] and one["again"].strip())
        status = DUPLICATE if again else ANSWERED if one["rtt"] else LOST
        numbers = known.setdefault(one["host"], _Numbers())
        seq = int(one["seq"])
        if not again:
            seq = numbers.take(seq, status, once=True)
        lines.append(Line(seq, one["host"], status, _number(one["rtt"]), _number(one["at"]), run=numbers.run))
    return Log("fping", lines, dated=True, numbered=True)


class _Unix:
    """Titles, replies, statistics; what else names an ``icmp_seq`` got no reply."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.sent: dict[Run, range] = {}
        self._known: dict[str, _Numbers] = {}
        self._first: dict[str, int] = {}  # of the run that a title began
        self._titles: dict[str, str] = {}  # what was typed, or answers -> target
        self._target = ""
        self._ended = ""  # whose statistics come next
        self._early: list[re.Match[str]] = []  # of nobody yet: any text may say icmp_seq=5

    def feed(self, line: str) -> None:
        """The next line."""
        if title := _UNIX_TITLE.match(line):
            self._title(line, title.end())
        elif found := _STATISTICS.match(line):
            self._ended = self._titles.get(found["name"], self._target)
        elif self._ended and (counted := _TRANSMITTED.match(line)):
            self._statistics(int(counted[1]))
        elif match := _UNIX.match(line):
            self._probe(match)

    def _title(self, line: str, end: int) -> None:
        words = line[end:].replace("(", " (").split()
        typed = words[0] if words else ""
        found = _addresses(line)
        self._target = (found[-1] if "-->" in line else found[0]) if found else typed
        self._titles[typed] = self._titles[self._target] = self._target
        self._settle()
        self._known.setdefault(self._target, _Numbers()).begin()
        self._first[self._target] = 0 if _FROM_ZERO.search(line) else 1
        self._open(self._target)

    def _open(self, target: str) -> None:
        first = self._first[target]
        self.sent[target, self._known[target].run] = range(first, first)

    def _statistics(self, count: int) -> None:
        target, self._ended = self._ended, ""
        numbers = self._known.get(target)
        if numbers is not None and target in self._first:
            self.sent[target, numbers.run] = numbers.sent(self._first.pop(target), count)

    def _probe(self, match: re.Match[str]) -> None:
        reply = _UNIX_RTT.search(match["rest"])
        if reply is not None:
            self._turn_to(match["line"])
        elif not match["icmp"] or not self._target:
            self._early += [match] if match["icmp"] else []
            return
        numbers = self._known.setdefault(self._target, _Numbers())
        number = int(match["seq"])
        again = match["rest"].rstrip().endswith("!)") and numbers.answered(number)
        status = DUPLICATE if again else ANSWERED if reply else LOST
        seq = numbers.take(number, status)
        rtt_ms = _number(reply["rtt"]) if reply else None
        self.lines.append(Line(seq, self._target, status, rtt_ms, _number(match["at"]), run=numbers.run))

    def _turn_to(self, line: str) -> None:
        """Who answers; whom a title named may do so from another address."""
        found = next(iter(_addresses(line)), self._target)
        known = self._titles.get(found, found)
        if known not in self._known and self._target in self._first and not self._known[self._target].heard:
            known = self._titles[found] = self._target
        self._target = known
        self._settle()

    def _settle(self) -> None:
        """Losses told before anybody was named are the first one's."""
        early, self._early = self._early, []
        for match in early:
            self._probe(match)


def _unix(text: Sequence[str]) -> Log:
    reader = _Unix()
    for line in text:
        reader.feed(line)
    return Log("ping", reader.lines, dated=True, numbered=True, sent=reader.sent)


class _Windows:
    """Replies, and between a title and the next empty line whatever else stands there: probes without a reply.

    ``sure``: it is Windows' ping, and not any text. A run goes on after the statistics that Ctrl-Break asks for: what
    stands there is a loss when it was one before or comes again, and the run does go on.
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.sure = False
        self._target = ""
        self._runs: Counter[str] = Counter()
        self._inside = False
        self._at_s: float | None = None
        self._date = ""
        self._losses: Counter[str] = Counter()
        self._perhaps: list[tuple[str, float | None, float]] = []

    def feed(self, raw: str) -> None:
        """The next line."""
        at_s, coarse_s, told = self._stamped(raw)
        rtt_ms, replied = self._reply(told)
        found = _addresses(told)
        indented = told.startswith(" ")
        if replied:
            self._target = self._target or next(iter(found), "")
            self._go_on()
            self.sure = self._inside = True
            self._add(ANSWERED, rtt_ms, at_s, coarse_s)
        elif not told.strip() or (told.rstrip().endswith(_TITLE_END) and not indented):
            self._head(told, found)
        elif indented and not self._inside:
            if _adds_up([int(one) for one in _COUNTS.findall(told)]):
                self.sure |= bool(self.lines)
                self._go_on()
        elif self._inside and not indented:
            self._losses[told.strip()] += 1
            self._add(LOST, None, at_s, coarse_s)
        elif self.lines and "%" not in told and "=" not in told:
            self._perhaps.append((told.strip(), at_s, coarse_s))

    def _head(self, told: str, found: list[str]) -> None:
        """A title, the statistics' line, or an empty one."""
        self._inside = bool(found) and bool(_ALONE.search(told))
        if not self._inside:
            return
        self._target, self._perhaps = found[0], []
        self._runs[self._target] += 1
        self.sure |= bool(_TITLE_NAMED.search(told))

    def _go_on(self) -> None:
        """No title came since the statistics: what stood after them may have been probes."""
        perhaps, self._perhaps = self._perhaps, []
        again = Counter(words for words, _, _ in perhaps) + self._losses
        for words, at_s, coarse_s in perhaps:
            if again[words] > 1 or self._losses[words]:
                self._add(LOST, None, at_s, coarse_s)

    def _reply(self, told: str) -> tuple[float | None, bool]:
        """The last number before TTL; an answer over IPv6 has no TTL, and no number but its time."""
        numbers = [float(number) for number in _WINDOWS_NUMBER.findall(told)]
        if _WINDOWS_TTL.search(told):
            return (numbers[-2] if len(numbers) > 1 else None), True
        if self._inside and len(numbers) == 1 and _addresses(told) and not told.startswith(" "):
            return numbers[0], True
        return None, False

    def _stamped(self, raw: str) -> tuple[float | None, float, str]:
        """The line's own time of day, how coarse it is, and the line without it."""
        found = _TIME_OF_DAY.match(raw)
        if found is None:
            return None, 0.0, raw
        date, hours, minutes, seconds, part = found.groups()
        at_s = int(hours) * 3600 + int(minutes) * 60 + float(f"{seconds}.{part or 0}")
        self._at_s = self._lapped(at_s, same_day=date == self._date)
        self._date = date
        return self._at_s, 10.0 ** -len(part or ""), raw[found.end() :]

    def _lapped(self, at_s: float, *, same_day: bool) -> float:
        """On an axis that goes on at midnight and noon; a clock that was set back begins another run there."""
        if self._at_s is None:
            return at_s
        back_s = (self._at_s - at_s) % _HALF_DAY_S
        laps = max(ceil((self._at_s - at_s) / _HALF_DAY_S - 1e-9), 0)
        if laps and same_day and 1e-6 < back_s <= _SET_BACK_S:
            self._runs[self._target] += 1
            laps -= 1
        return at_s + laps * _HALF_DAY_S

    def _add(self, status: str, rtt_ms: float | None, at_s: float | None, coarse_s: float) -> None:
        run = self._runs[self._target]
        self.lines.append(Line(len(self.lines), self._target, status, rtt_ms, at_s, coarse_s, run))


def _adds_up(counts: list[int]) -> bool:
    """Sent, received, lost."""
    return len(counts) == 3 and counts[0] == counts[1] + counts[2] > 0


def _windows(text: Sequence[str]) -> Log:
    reader = _Windows()
    for line in text:
        reader.feed(line)
    return Log("Windows ping", reader.lines if reader.sure else [], dated=False, numbered=False)


def _addresses(text: str) -> list[str]:
    """Every IP address in a line, and not its time of day."""
    return [good for found in _ADDRESS.findall(text) if (good := _address(found))]


@lru_cache(maxsize=1024)
def _address(found: str) -> str:
    """``fe80::1:`` is an address and a colon; empty when it is none."""
    for text in (found, found[:-1]):
        try:
            ipaddress.ip_address(text)
        except ValueError:
            continue
        return text
    return ""


def _number(text: str | None) -> float | None:
    return None if text is None else float(text.replace(",", "."))


READERS: tuple[Callable[[Sequence[str]], Log], ...] = (_fping, _unix, _windows)
