"""The texts, numbers and instants of commands, definitions and stored values: what each may be.

A field says so by its type. ``source: Id`` is a text for type checkers. A class whose fields are
`checked` refuses any other value when it is made; the wire refuses it when it reads one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Final, NamedTuple, TypeAlias, Union, get_args, get_origin
from typing import get_type_hints as hints_of

import attrs

from sequencectl.errors import InvalidValue

NAME_PATTERN: Final = "[A-Za-z0-9_-]{1,63}"
ID_WORDS: Final = "1 to 200 printable ASCII characters"
_ID_PATTERN: Final = "[ -~]{1,200}"
_NAME_WORDS: Final = "1 to 63 letters, digits, '-' or '_'"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_Fields: TypeAlias = "list[attrs.Attribute[Any]]"


class Rule(NamedTuple):
    """What a text or a number must obey, and the sentence about one that does not.

    `fits` takes values of type `kind` only, `permits` takes any.
    """

    kind: type
    fits: Callable[[Any], object]
    problem: str

    def permits(self, value: object) -> bool:
        """Return True if `value` is of the type of this rule and obeys it."""
        is_of_kind = isinstance(value, str) if self.kind is str else type(value) is int
        return is_of_kind and bool(self.fits(value))


def _text(pattern: str, permitted: str) -> Rule:
    return Rule(str, re.compile(pattern).fullmatch, f"must be {permitted}")


def _printable(longest: int) -> Rule:
    def fits(text: str) -> bool:
        return len(text) <= longest and text.isprintable()

    return Rule(str, fits, f"must be at most {longest} printable characters")


def _is_unicode(text: str) -> bool:
    return text.isascii() or _SURROGATE.search(text) is None


ID: Final = _text(_ID_PATTERN, ID_WORDS)
NAME: Final = _text(NAME_PATTERN, _NAME_WORDS)
LONGEST_TEXT: Final = 200
TEXT: Final = _printable(LONGEST_TEXT)
MESSAGE: Final = Rule(str, _is_unicode, "must be text that UTF-8 can carry")
_COUNT: Final = "must not be negative, nor have more than 63 bits"
_PRIORITIES: Final = range(-1_000_000, 1_000_001)

LATEST_INSTANT: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Later instants are refused: adding a timeout to them could leave the calendar."""
_EARLIEST_INSTANT: Final = datetime(1, 1, 3, tzinfo=UTC)

Id: TypeAlias = Annotated[str, ID]
"""The name of a project, delivery, sequence, task run, executor, report or request."""
Name: TypeAlias = Annotated[str, NAME]
"""The name of a stage, sequence or task in a shipyard."""
IdOrEmpty: TypeAlias = Annotated[str, _text(f"({_ID_PATTERN})?", ID_WORDS)]
NameOrEmpty: TypeAlias = Annotated[str, _text(f"({NAME_PATTERN})?", _NAME_WORDS)]
"""Parts of a subject, which are empty where they do not apply."""
Text: TypeAlias = Annotated[str, TEXT]
"""A service, an actor or a revision."""
Reason: TypeAlias = Annotated[str, _printable(1_000)]
"""Why a person controls something."""
Message: TypeAlias = Annotated[str, MESSAGE]
"""What an executor, or this library, has to say."""
Lane: TypeAlias = Annotated[str, _printable(264)]
"""A stage, or a stage, a slash and a service."""
Count: TypeAlias = Annotated[int, Rule(int, range(2**63).__contains__, _COUNT)]
"""A serial, a place, an index, or how many there are of something."""
LIMIT: Final = Rule(int, (0).__lt__, "must be an int of at least 1")
Limit: TypeAlias = Annotated[int, LIMIT]
"""How many of something are taken at once."""
AMOUNT: Final = Rule(int, (-1).__lt__, "must be an int of at least 0")
Amount: TypeAlias = Annotated[int, AMOUNT]
"""How many of something are kept."""
Levels: TypeAlias = Annotated[
    int, Rule(int, range(1, 101).__contains__, "must be an int from 1 to 100")
]
"""How deep a payload may nest."""
Priority: TypeAlias = Annotated[
    int, Rule(int, _PRIORITIES.__contains__, "must be an int from -1000000 to 1000000")
]
"""The priority of a sequence; higher goes first."""
PERCENT: Final = Rule(int, range(101).__contains__, "must be an int from 0 to 100")
Percent: TypeAlias = Annotated[int, PERCENT]
"""How far something is."""


def checked_instant(value: object, where: str = "now") -> datetime:
    """Return an instant in UTC; raise `InvalidValue` if it is naive, no datetime, or too far away.

    The error names the argument `where`.
    """
    if not isinstance(value, datetime):
        raise InvalidValue(where, value, "must be an aware datetime")
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidValue(where, value, "must be aware: give it a time zone, best UTC")
    if not _EARLIEST_INSTANT < value < LATEST_INSTANT:
        raise InvalidValue(where, value, f"must be before {LATEST_INSTANT:%Y-%m-%d}")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def alternatives(kind: Any) -> tuple[Any, ...]:
    """Return the members of a union; of any other type, the type itself."""
    return get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)


def rule_of(kind: Any) -> Rule | None:
    """Return the rule that a type such as `Id` or ``Id | None`` carries; None if it has none."""
    limited = (member for member in alternatives(kind) if get_origin(member) is Annotated)
    return next((member.__metadata__[0] for member in limited), None)


def checked(error: type[InvalidValue]) -> Callable[[type, _Fields], _Fields]:
    """Return a field transformer for attrs, which makes each field obey the rule of its type.

    Any other value raises `error`, which names the field.
    """

    def validated(field: attrs.Attribute[Any], of_type: Any) -> attrs.Attribute[Any]:
        rule, may_be_none = rule_of(of_type), NoneType in alternatives(of_type)
        if rule is None:
            return field

        kind, fits = rule.kind, rule.fits
        default = field.default if isinstance(field.default, kind) else object()

        def validate(_instance: object, of: attrs.Attribute[Any], value: object) -> None:
            if value is default or (value is None and may_be_none):
                return
            if type(value) is kind and fits(value):
                return  # as nearly always
            if not rule.permits(value):
                raise error(of.name, value, rule.problem)

        return field.evolve(validator=validate)

    def transformed(cls: type, fields: _Fields) -> _Fields:
        kinds = hints_of(cls, include_extras=True)
        return [validated(field, kinds[field.name]) for field in fields]

    return transformed
