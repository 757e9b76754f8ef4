"""The grammar of what is stored, as ``docs/wire.md`` prints it: made from the classes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_origin

import attrs

from sequencectl import _scalars
from sequencectl._scalars import Rule, alternatives, rule_of
from sequencectl._wire.grammar import DOCUMENTS, SELECTOR, fields_of, is_pairs, is_tagged, tag
from sequencectl.payload import FrozenMap

PAGE: Final = Path(__file__).parents[2] / "docs" / "wire.md"
TIED: Final = "\u00a0"
EMPTY: Final = "(no keys)"
PLAIN: Final[dict[Any, str]] = {
    bool: "true | false", datetime: "instant", FrozenMap: "payload", int: "integer",
    NoneType: "null", SELECTOR: "selector", timedelta: "duration",
}  # fmt: skip
WORDS: Final[dict[Rule, str]] = {
    rule: name.lower().replace("orempty", ' | ""')
    for name, kind in vars(_scalars).items()
    if (rule := rule_of(kind)) is not None
}


def word(kind: Any) -> str:
    """What may stand where a value of this type is written."""
    rule, parts = rule_of(kind), get_args(kind)
    if rule is not None and len(alternatives(kind)) == 1:
        return WORDS[rule]
    for name, document in DOCUMENTS.items():
        if kind == document and is_tagged(kind):
            return name
    if kind in PLAIN:
        return PLAIN[kind]
    if len(alternatives(kind)) > 1:
        return " | ".join(word(member) for member in parts)
    if get_origin(kind) is Mapping or is_pairs(kind):
        key, part = get_args(parts[0]) if is_pairs(kind) else parts
        return f"{{{word(key)}: {word(part)}, ...}}"
    if parts:
        each = [word(part) for part in parts if part is not Ellipsis]
        return f"[{', '.join([*each, *(() if len(each) > 1 else ('...',))])}]"
    return str(kind.__name__)


def reached(kind: Any, found: dict[Any, None]) -> dict[Any, None]:
    """A type and everything below it."""
    if kind not in found:
        found[kind] = None
        for part in fields_of(kind).values() if attrs.has(kind) else get_args(kind):
            reached(part, found)
    return found


def rows() -> Iterator[tuple[str, str]]:
    """Each word of the grammar and what it stands for; it may be wrapped at plain spaces."""
    kinds: dict[Any, None] = {}
    for name, kind in DOCUMENTS.items():
        reached(kind, kinds)
        yield name, any_of(map(tag, get_args(kind))) if is_tagged(kind) else word(kind)
    for cls in sorted((kind for kind in kinds if isinstance(kind, type)), key=tag):
        if attrs.has(cls):
            fields = [f"{name}: {word(kind)}" for name, kind in fields_of(cls).items()]
            yield tag(cls), ", ".join(field.replace(" ", TIED) for field in fields) or EMPTY
        elif issubclass(cls, Enum):
            yield cls.__name__, any_of(f'"{member.value}"' for member in cls)
    for rule, name in WORDS.items():
        if '""' not in name:
            yield name, f"{'a text' if rule.kind is str else 'an integer'}; {rule.problem}"


def any_of(words: Iterable[str]) -> str:
    """One of these words."""
    return f"{TIED}| ".join(words)


def grammar() -> str:
    """The whole grammar, a row or more for each word."""
    wrapped = [
        textwrap.wrap(f"{name}: {said}", 100, subsequent_indent="    ") for name, said in rows()
    ]
    return "\n".join("\n".join(lines) for lines in wrapped).replace(TIED, " ")
