"""The grammars of schemas as they were recorded: read back, compared, and trees checked with them.

``golden/schema-<number>/grammar.txt`` is the grammar that ``docs/wire.md`` printed when that schema
was the newest. It stays as it is, as the golden documents do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from tests.wire.documents import GOLDEN
from tests.wire.grammar_page import EMPTY, grammar

Fields: TypeAlias = dict[str, str]
OPENS: Final = re.compile(r'"[^"]*"|[][{}]|, | \| |[^][{}"]')
SCALARS: Final[Mapping[str, type]] = {
    "instant": str, "duration": int, "integer": int, "payload": dict, "selector": dict,
    "null": type(None),
}  # fmt: skip


class Grammar(NamedTuple):
    """The fields of each class with their types, and what each other word stands for."""

    classes: dict[str, Fields]
    words: dict[str, str]


class Difference(NamedTuple):
    """What a grammar has beyond an older one."""

    fields: set[tuple[str, str]]
    """Fields of classes that both have."""
    classes: set[str]
    words: set[tuple[str, str]]
    """Members of unions and words of enums that both have."""


def parts(text: str, by: str) -> list[str]:
    """The parts of a text, cut where no bracket is open."""
    depth, found = 0, [""]
    for token in OPENS.findall(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token, 0)
        if token == by and not depth:
            found.append("")
        else:
            found[-1] += token
    return found


def parsed(text: str) -> Grammar:
    """The grammar that a text prints."""
    classes: dict[str, Fields] = {}
    words = {}
    for line in text.replace("\n    ", " ").splitlines():
        name, _, said = line.partition(": ")
        fields = [part.partition(": ") for part in parts(said, ", ")]
        if said == EMPTY:
            classes[name] = {}
        elif all(colon for _, colon, _ in fields):
            classes[name] = {field: kind for field, _, kind in fields}
        else:
            words[name] = said
    return Grammar(classes, words)


def recorded(schema: int) -> Grammar:
    """The grammar of a schema."""
    return parsed((GOLDEN / f"schema-{schema}" / "grammar.txt").read_text(encoding="utf-8"))


TODAY: Final = parsed(grammar())


def difference(older: Grammar, newer: Grammar) -> Difference:
    """What is new; fails if anything of the older grammar is gone or has another type."""
    for name, fields in older.classes.items():
        assert fields == {key: newer.classes[name][key] for key in fields}, name
    new_words = set()
    for name, said in older.words.items():
        before, after = parts(said, " | "), parts(newer.words[name], " | ")
        assert before == [word for word in after if word in before], name
        new_words |= {(name, word.strip('"')) for word in after if word not in before}
    new_fields = {
        (name, field)
        for name, fields in older.classes.items()
        for field in newer.classes[name].keys() - fields
    }
    return Difference(new_fields, newer.classes.keys() - older.classes.keys(), new_words)


# ---------------------------------------------------------------- trees


def misfit(tree: Any, kind: str, by: Grammar, where: str = "") -> str | None:
    """The path to the first part of a tree that is not of this type; None if all is."""
    found = [misfit_of_one(tree, member, by, where) for member in parts(kind, " | ")]
    return None if None in found else max(filter(None, found), key=len)


def misfit_of_one(tree: Any, kind: str, by: Grammar, where: str) -> str | None:
    """The same for a type that is no union."""
    said = kind.strip('"')
    if kind in SCALARS or kind in {"true", "false"} or kind.startswith('"'):
        fits = type(tree) is SCALARS.get(kind) or tree is {"true": True, "false": False}.get(said)
        return None if fits or (kind.startswith('"') and tree == said) else f"{where}?"
    if kind.startswith("["):
        inner = parts(kind[1:-1], ", ")
        return each(tree, list, lambda part, path: misfit(part, inner[0], by, path), where)
    if kind.startswith("{"):
        inner = parts(kind[1:-1], ", ")[0].partition(": ")[2]
        return each(tree, dict, lambda part, path: misfit(part, inner, by, path), where)
    if kind in by.classes:
        return misfit_of_class(tree, kind, by, where)
    stands_for = by.words[kind]
    if stands_for.startswith(("a text; ", "an integer; ")):
        is_text = stands_for.startswith("a text; ")
        return None if type(tree) is (str if is_text else int) else f"{where}?"
    members = parts(stands_for, " | ")
    if isinstance(tree, dict) and tree.get("type") in members:
        rest = {key: value for key, value in tree.items() if key != "type"}
        return misfit_of_class(rest, tree["type"], by, where)
    tagged = len(members) > 1 and all(member in by.classes for member in members)
    return f"{where}.type?" if tagged else misfit(tree, stands_for, by, where)


def misfit_of_class(tree: Any, name: str, by: Grammar, where: str) -> str | None:
    """The same for an object with the keys of a class."""
    fields = by.classes[name]
    if not isinstance(tree, dict) or tree.keys() != fields.keys():
        return f"{where} must have the keys of {name}"
    found = [misfit(tree[key], kind, by, f"{where}.{key}") for key, kind in fields.items()]
    return next(filter(None, found), None)


def each(tree: Any, kind: type, check: Callable[[Any, str], str | None], where: str) -> str | None:
    """The same for all parts of an array, or of an object by name."""
    if type(tree) is not kind:
        return f"{where}?"
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return next(filter(None, (check(part, f"{where}[{at}]") for at, part in items)), None)
