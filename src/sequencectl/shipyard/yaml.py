"""Read the text of a ``shipyard.yaml`` as plain data with line numbers (extra ``yaml``).

`Shipyard.from_yaml` is the way in.

The text is YAML 1.2 with its core schema, one document of at most 1 MiB. Anchors and aliases, merge
keys, tags and duplicate keys are refused: a shipyard does not need them. Only ruamel.yaml's parser
is used, event by event, so that each part is checked before anything is built of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn, final

import attrs

from sequencectl.errors import DefinitionError
from sequencectl.payload import path_to

try:
    from ruamel.yaml import YAML
    from ruamel.yaml.events import (
        CollectionStartEvent,
        MappingEndEvent,
        MappingStartEvent,
        ScalarEvent,
        SequenceEndEvent,
        StreamEndEvent,
    )
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        "sequencectl.shipyard.yaml needs ruamel.yaml: install 'sequencectl[yaml]'", name=_error.name
    ) from _error

MAX_BYTES: Final = 1_048_576
"""No text is longer, counted in UTF-8."""

MAX_DEPTH: Final = 64
"""No text nests deeper."""

MAX_NODES: Final = 50_000
"""No text has more scalars, lists and mappings together."""

_INT: Final = re.compile(r"[-+]?[0-9]{1,4000}|0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,3000}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_PAIRS: Final = ("utf-16", "surrogatepass")
_LONG_WORD: Final = re.compile(r"(?<!\S)\S{10000,}")
_WORDS: Final[dict[str, object]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


@final
@attrs.frozen
class Document:
    """What a text says as plain data, and the line on which each part of it stands.

    `lines` has the line of each path, counted from 1; the empty path is the whole document.
    """

    mapping: Any
    lines: Mapping[str, int]

    def line_of(self, where: str) -> int:
        """Return the line of the part at this path; that of the whole if there is none."""
        return self.lines.get(where, self.lines[""])


def read(text: str | bytes) -> Document:
    """Return the one document of `text`; bytes are read as UTF-8.

    Raises `DefinitionError`, and nothing else, for whatever is wrong with the text: it has the path
    and the value, and in `line` the line of the key or list entry, counted from 1.
    """
    reader = _Reader(_decoded(text))
    return Document(reader.document(), reader.lines)


def _decoded(text: str | bytes) -> str:
    if not isinstance(text, str | bytes):
        raise DefinitionError("shipyard", text, "must be a text")
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    if len(data) > MAX_BYTES:
        raise DefinitionError("shipyard", len(data), f"must have at most {MAX_BYTES} bytes")
    try:
        decoded = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        wrong = data[error.start : error.end]
        raise DefinitionError("shipyard", wrong, "must be UTF-8", line=line) from None
    for word in _LONG_WORD.finditer(decoded):
        if "!" in word[0]:  # maybe a tag, and the parser takes minutes to find its end
            line = decoded[: word.start()].count("\n") + 1
            raise DefinitionError("shipyard", word[0], "must not use tags", line=line)
    return decoded


@final
class _Reader:
    """One run over the events of a text; remembers the line of every path."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._events = YAML(typ="safe", pure=True).parse(text)
        self.lines: dict[str, int] = {}
        self._nodes = 0
        self._read = 0

    def document(self) -> Any:
        """Return the one document of the text as plain data."""
        self._next()
        if isinstance(self._next(), StreamEndEvent):
            raise DefinitionError("shipyard", None, "must not be empty", line=1)
        first = self._next()
        self.lines[""] = _line(first)
        document = self._node(first, "", 1)
        self._next()
        if not isinstance(end := self._next(), StreamEndEvent):
            raise DefinitionError("shipyard", "---", "must be one document", line=_line(end))
        return document

    def _next(self) -> Any:
        """Return the next event; whatever the parser stumbles over is a `DefinitionError`."""
        try:
            event: Any = next(self._events)
        except Exception as error:  # noqa: BLE001 - it raises more than errors of its own
            mark = getattr(error, "problem_mark", None)
            position = mark.index if mark else getattr(error, "position", self._read)
            before, after = self._text[:position], self._text[position:]
            line = mark.line + 1 if mark else before.count("\n") + 1
            found = before.rpartition("\n")[2] + after.partition("\n")[0]
            said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
            raise DefinitionError("shipyard", found, f"must be YAML ({said})", line=line) from None
        self._read = event.end_mark.index
        return event

    def _node(self, event: Any, path: str, depth: int) -> Any:
        self._check(event, path, depth)
        if isinstance(event, ScalarEvent):
            return _resolved(event.value) if event.implicit[0] else _joined(event.value)
        if isinstance(event, MappingStartEvent):
            return self._mapping(path, depth)
        entries: list[Any] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            here = f"{path}[{len(entries)}]"
            self.lines[here] = _line(event)
            entries.append(self._node(event, here, depth + 1))
        return entries

    def _mapping(self, path: str, depth: int) -> dict[Any, Any]:
        entries: dict[Any, Any] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            if isinstance(event, CollectionStartEvent):
                _refuse(event, path, "a list or a mapping", "must have scalars for keys")
            key = self._node(event, path, depth)
            here = path_to(path, key)
            if event.value == "<<" and event.implicit[0]:
                _refuse(event, path, "<<", "must not use merge keys")
            if key in entries:
                _refuse(event, here, key, "is a duplicate key")
            self.lines[here] = _line(event)
            entries[key] = self._node(self._next(), here, depth + 1)
        return entries

    def _check(self, event: Any, path: str, depth: int) -> None:
        if event.anchor is not None:
            _refuse(event, path, event.anchor, "must not use anchors and aliases")
        if event.tag is not None:
            _refuse(event, path, event.tag, "must not use tags")
        self._nodes += 1
        if self._nodes > MAX_NODES:
            _refuse(event, path, self._nodes, f"must have at most {MAX_NODES} values in all")
        if depth > MAX_DEPTH:
            _refuse(event, path, depth, f"must nest at most {MAX_DEPTH} levels deep")


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _refuse(event: Any, path: str, value: object, problem: str) -> NoReturn:
    raise DefinitionError(path or "shipyard", value, problem, line=_line(event))


def _joined(text: str) -> str:
    """Return a quoted text with the pairs of surrogates joined that JSON writes as escapes."""
    if text.isascii():
        return text
    return text.encode(*_PAIRS).decode(*_PAIRS)


def _resolved(text: str) -> object:
    """Return what a plain scalar means in the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text, 0 if text[1:2] in ("o", "x") else 10)
    return float(text) if _FLOAT.fullmatch(text) else text
