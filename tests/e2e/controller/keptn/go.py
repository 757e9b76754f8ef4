"""JSON as Go's ``encoding/json`` reads and writes it: a wrong type is an error, null is nothing.

A type is a value of this module: `STRING`, `INT64`, `FLOAT64`, `BOOL`, `TIME`, `ANYTHING`, and
`Pointer`, `Slice`, `Map` and `Struct` of others. `decoded` turns a body into what the Go program
would have: a struct is a mapping that has every field, with its zero value if nothing was sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NoReturn, Protocol, TypeVar, final

import attrs

ZERO_TIME: Final = datetime(1, 1, 1, tzinfo=UTC)
_RFC_3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-](?:[01]\d|2[0-4]):[0-5]\d)", re.ASCII
)
T_co = TypeVar("T_co", covariant=True)
_ESCAPED: Final = {ord(each): f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}


class CannotDecode(Exception):
    """A body that the Go program would refuse; the message says where and why."""


class Type(Protocol[T_co]):
    """A Go type: what it is without a value, and what it makes of one."""

    def zero(self) -> Any:
        """Return its zero value."""
        ...

    def decode(self, value: Any, where: str) -> T_co:
        """Return what becomes of a JSON value that is not null; raise `CannotDecode`."""
        ...


@final
@attrs.frozen
class Plain:
    """A type without parts; `read` returns its value, or raises TypeError or ValueError."""

    name: str
    empty: Any
    read: Callable[[Any], Any]

    def zero(self) -> Any:
        return self.empty

    def decode(self, value: Any, where: str) -> Any:
        try:
            return self.read(value)
        except (TypeError, ValueError):
            _wrong(where, value, self.name)


@final
@attrs.frozen
class Pointer:
    """A value that may be missing; then it is None."""

    of: Type[Any]

    def zero(self) -> None:
        return None

    def decode(self, value: Any, where: str) -> Any:
        return self.of.decode(value, where)


@final
@attrs.frozen
class Slice:
    """A list; None if there is none."""

    of: Type[Any]

    def zero(self) -> None:
        return None

    def decode(self, value: Any, where: str) -> list[Any]:
        if not isinstance(value, list):
            _wrong(where, value, "slice")
        return [_decoded(self.of, each, f"{where}[{at}]") for at, each in enumerate(value)]


@final
@attrs.frozen
class Map:
    """A mapping with texts as keys; None if there is none."""

    of: Type[Any]

    def zero(self) -> None:
        return None

    def decode(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            _wrong(where, value, "map")
        return {key: _decoded(self.of, each, f"{where}.{key}") for key, each in value.items()}


@final
@attrs.frozen(init=False)
class Struct:
    """Fields by their JSON names; another spelling of a name fits too, what has no field is lost.

    The fields of `embedded` structs are its own.
    """

    name: str
    fields: Mapping[str, Type[Any]]

    def __init__(self, name: str, /, *embedded: Struct, **fields: Type[Any]) -> None:
        inherited = {name: kind for each in embedded for name, kind in each.fields.items()}
        self.__attrs_init__(name, {**inherited, **fields})

    def zero(self) -> dict[str, Any]:
        return {name: kind.zero() for name, kind in self.fields.items()}

    def decode(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            _wrong(where, value, self.name)
        found = self.zero()
        for key, each in value.items():
            name = self._field(key)
            if name is not None and each is not None:
                found[name] = self.fields[name].decode(each, f"{where}.{name}")
        return found

    def _field(self, key: str) -> str | None:
        if key in self.fields:
            return key
        return next((each for each in self.fields if each.casefold() == key.casefold()), None)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _instant(value: Any) -> datetime:
    """Return an instant of RFC 3339; Go takes no other form of ISO 8601."""
    found = _RFC_3339.fullmatch(_text(value))
    if found is None:
        raise ValueError
    return datetime.fromisoformat(f"{found[1]}{(found[2] or '')[:7]}{found[3]}")


STRING: Final = Plain("string", "", _text)
INT64: Final = Plain("int64", 0, _whole)
FLOAT64: Final = Plain("float64", 0.0, _number)
BOOL: Final = Plain("bool", False, _flag)
TIME: Final = Plain("time.Time", ZERO_TIME, _instant)
ANYTHING: Final = Plain("interface{}", None, lambda value: value)


def decoded(kind: Type[T_co], body: bytes) -> T_co:
    """Return what ``json.Unmarshal`` makes of a body; raise `CannotDecode` where it fails."""
    try:
        value = json.loads(body.decode("utf-8", "replace"), parse_constant=_no_constant)
    except ValueError as error:
        raise CannotDecode(f"no JSON: {error}: {body[:100]!r}") from None
    result: T_co = _decoded(kind, value, getattr(kind, "name", "body"))
    return result


def encoded(value: Any) -> bytes:
    """Return what ``json.Marshal`` writes; a struct is a dict whose keys are in its order."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_ESCAPED).encode()


def _decoded(kind: Type[Any], value: Any, where: str) -> Any:
    return kind.zero() if value is None else kind.decode(value, where)


def _wrong(where: str, value: Any, kind: str) -> NoReturn:
    raise CannotDecode(f"cannot unmarshal {value!r} into {where} of type {kind}")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
