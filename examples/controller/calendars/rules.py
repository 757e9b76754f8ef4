"""Recurrence rules: which of them are taken, and how much work they may make.

What is asked of a calendar is asked in the middle of a decision. So a rule is checked when the file
is read: it must mean something, give its own start first, and be no more frequent than daily. How
often it has come by then costs nothing: a rule is moved on to where the question is.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice
from math import prod
from typing import Final, final

import attrs
from dateutil.rrule import rrulestr

from examples.controller.calendars.lines import Property
from examples.controller.calendars.times import Times, is_day

_FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_TIMES: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")
_RANGES: Final[Mapping[str, tuple[range, bool]]] = {
    "BYSECOND": (range(60), False),
    "BYMINUTE": (range(60), False),
    "BYHOUR": (range(24), False),
    "BYMONTH": (range(1, 13), False),
    "BYMONTHDAY": (range(1, 32), True),
    "BYYEARDAY": (range(1, 367), True),
    "BYWEEKNO": (range(1, 54), True),
    "BYSETPOS": (range(1, 367), True),
    "INTERVAL": (range(1, 1_001), False),
    "COUNT": (range(1, 1_001), False),
}
"""Which whole numbers a part may have, and whether they may be negative: counted from the end."""

_WORDS: Final[Mapping[str, re.Pattern[str]]] = {
    "FREQ": re.compile("|".join(_FREQUENCIES)),
    "UNTIL": re.compile("[0-9]{8}(T[0-9]{6}Z?)?"),
    "WKST": re.compile("MO|TU|WE|TH|FR|SA|SU"),
    "BYDAY": re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)"),
}
_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_SINGLE: Final = frozenset({"FREQ", "UNTIL", "WKST", "INTERVAL", "COUNT"})
_NOT_WITH: Final[Mapping[str, frozenset[str]]] = {
    "DAILY": frozenset({"BYYEARDAY", "BYWEEKNO"}),
    "WEEKLY": frozenset({"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"}),
    "MONTHLY": frozenset({"BYYEARDAY", "BYWEEKNO"}),
    "YEARLY": frozenset(),
}
_INTEGER: Final = re.compile("[+-]?[0-9]{1,5}")
_FAR: Final = 9_000
_LAST: Final = "%Y%m%dT%H%M%S"


@final
@attrs.frozen
class Recurrence:
    """A rule by the clock on the wall: its text, which leaves nothing to the start but the phase.

    `starts_a_day` is how often it may come on one day, `last` when it last comes; None: for ever.
    """

    text: str
    frequency: str
    interval: int
    starts_a_day: int
    last: datetime | None

    def moved(self, start: datetime, to: datetime) -> datetime:
        """Return a start not long before `to`, or `start` itself if that is later.

        From the day after it on, the rule gives the same as from `start`. The new start itself may
        be none that the rule has.
        """
        if self.frequency in {"DAILY", "WEEKLY"}:
            cycle = timedelta(self.interval * (1 if self.frequency == "DAILY" else 7))
            return start + max((to - start) // cycle, 0) * cycle
        months = self.interval * (1 if self.frequency == "MONTHLY" else 12)
        passed = (to.year - start.year) * 12 + to.month - start.month - 1
        if passed < months:
            return start
        years, month = divmod(start.month - 1 + passed // months * months, 12)
        return start.replace(year=start.year + years, month=month + 1, day=1)


def recurrence(read: Property, start: datetime, times: Times, *, of_a_day: bool) -> Recurrence:
    """Return the rule of an event that starts then; raise `CalendarFileError`."""
    parts = _parts(read)
    _check_together(read, parts, of_a_day=of_a_day)
    wall = start.replace(tzinfo=None)
    _check_start(read, parts, wall)
    _complete(parts, wall)
    last = _until(read, parts, start, times, of_a_day=of_a_day)
    fixed = {name: ",".join(values) for name, values in parts.items() if name != "UNTIL"}
    if last is not None:
        fixed["UNTIL"] = last.strftime(_LAST)
    given = list(islice(rrulestr(_text(fixed), dtstart=wall), int(fixed.get("COUNT", 1))))
    if given[:1] != [wall]:
        first = f"its first start is {given[0]}" if given else "it never comes"
        raise read.wrong(f"must give DTSTART first ({wall}): {first}")
    if fixed.pop("COUNT", ""):
        last = given[-1]
        fixed["UNTIL"] = last.strftime(_LAST)
    interval = int(fixed.get("INTERVAL", 1))
    return Recurrence(_text(fixed), fixed["FREQ"], interval, _starts_a_day(parts), last)


def _parts(read: Property) -> dict[str, list[str]]:
    """Return the parts of a rule by name, each value checked by itself."""
    parts = dict[str, list[str]]()
    for part in read.value.upper().removesuffix(";").split(";"):
        name, mark, written = part.partition("=")
        values = written.split(",")
        if not mark or name in parts:
            raise read.wrong(f"must have each part once, as NAME=VALUE, not {part!r}")
        if len(values) > 1 and name in _SINGLE:
            raise read.wrong(f"must have one {name}")
        for value in values:
            if not _is_permitted(name, value):
                raise read.wrong(_problem(name, value))
        parts[name] = values
    if "FREQ" not in parts:
        raise read.wrong("must have a FREQ")
    return parts


def _is_permitted(name: str, value: str) -> bool:
    if name in _WORDS:
        return _WORDS[name].fullmatch(value) is not None
    if name not in _RANGES or _INTEGER.fullmatch(value) is None:
        return False
    numbers, may_be_negative = _RANGES[name]
    return (abs(int(value)) if may_be_negative else int(value)) in numbers


def _problem(name: str, value: str) -> str:
    if name == "FREQ":
        return f"must have one of {', '.join(_FREQUENCIES)}: windows come no more often than daily"
    if name in _RANGES:
        numbers, may_be_negative = _RANGES[name]
        sign = " (or as much from the end, negative)" if may_be_negative else ""
        return f"must have {name} from {numbers[0]} to {numbers[-1]}{sign}, not {value!r}"
    if name in _WORDS:
        return f"must have {name} as RFC 5545 has it, not {value!r}"
    return f"must have parts of RFC 5545 alone, not {name!r}"


def _check_together(read: Property, parts: Mapping[str, list[str]], *, of_a_day: bool) -> None:
    """Raise unless the parts of a rule go together."""
    frequency = parts["FREQ"][0]
    for name in parts:
        if name in _NOT_WITH[frequency]:
            raise read.wrong(f"must not have {name} with {frequency}")
        if name in _TIMES and of_a_day:
            raise read.wrong(f"must not have {name} where DTSTART is a day")
    if "COUNT" in parts and "UNTIL" in parts:
        raise read.wrong("must not have both COUNT and UNTIL")
    if "BYWEEKNO" in parts and "BYDAY" not in parts:
        raise read.wrong("must have BYDAY with BYWEEKNO")
    if "BYSETPOS" in parts and not any(name[:2] == "BY" for name in parts if name != "BYSETPOS"):
        raise read.wrong("must have another BY part with BYSETPOS")
    if any(day[0] in "+-0123456789" for day in parts.get("BYDAY", ())) and (
        frequency in {"DAILY", "WEEKLY"} or "BYWEEKNO" in parts
    ):
        raise read.wrong("must have plain weekdays here, without a number")


def _check_start(read: Property, parts: Mapping[str, list[str]], start: datetime) -> None:
    """Raise if the start is none of the rule by one of its parts, or BYSETPOS asks for too much.

    So no rule is tried out that would be looked through to the end of time.
    """
    until_end = start.day - monthrange(start.year, start.month)[1] - 1
    numbers = {"BYMONTH": {start.month}, "BYMONTHDAY": {start.day, until_end}}
    for name, own in numbers.items():
        if name in parts and not own & {int(value) for value in parts[name]}:
            raise read.wrong(f"must give DTSTART first ({start}), so have its day in {name}")
    days = parts.get("BYDAY", [])
    if days and _WEEKDAYS[start.weekday()] not in {day[-2:] for day in days}:
        raise read.wrong(f"must give DTSTART first ({start}), so have its day in BYDAY")
    most = _starts_a_day(parts) * (max(len(days), 1) if parts["FREQ"] == ["WEEKLY"] else 1)
    if parts["FREQ"][0] in {"DAILY", "WEEKLY"}:
        for value in parts.get("BYSETPOS", ()):
            if abs(int(value)) > most:
                raise read.wrong(f"must have BYSETPOS up to {most}, as many as it gives at a time")


def _complete(parts: dict[str, list[str]], start: datetime) -> None:
    """Put into a rule what it leaves to its start, which will be moved."""
    if parts.keys() & {"BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY"}:
        return
    if parts["FREQ"] == ["YEARLY"]:
        parts.setdefault("BYMONTH", [str(start.month)])
    if parts["FREQ"][0] in {"MONTHLY", "YEARLY"}:
        parts["BYMONTHDAY"] = [str(start.day)]


def _until(
    read: Property, parts: Mapping[str, list[str]], start: datetime, times: Times, *, of_a_day: bool
) -> datetime | None:
    """Return the last instant of a rule on the wall; None if it has none, or one very far away."""
    if "UNTIL" not in parts:
        return None
    (written,) = parts["UNTIL"]
    if is_day(written) != of_a_day or not (of_a_day or written.endswith("Z")):
        raise read.wrong("must have an UNTIL that is a day where DTSTART is one, else in UTC (Z)")
    if int(written[:4]) >= _FAR:
        return None
    at = times.of(read, written)
    return (at if of_a_day else at.astimezone(start.tzinfo)).replace(tzinfo=None, fold=0)


def _starts_a_day(parts: Mapping[str, list[str]]) -> int:
    return prod(len(parts[name]) for name in _TIMES if name in parts)


def _text(parts: Mapping[str, str]) -> str:
    return ";".join(f"{name}={value}" for name, value in parts.items())
