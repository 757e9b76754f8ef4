"""The grammar of what is stored: the page has all of it, and texts and numbers have rules."""

from __future__ import annotations

import re
from typing import Any

import attrs

from sequencectl._wire.grammar import DOCUMENTS, fields_of
from sequencectl.serialization import SCHEMA
from tests.bench.page import with_table
from tests.wire.documents import GOLDEN
from tests.wire.grammar_page import PAGE, grammar, reached, word


def test_the_page_says_what_is_stored_today() -> None:
    """A field, type or limit that changes shows in the documentation."""
    page = PAGE.read_text(encoding="utf-8")

    assert with_table(page, "grammar", grammar()) == page, "write it: python -m tests.wire"


def test_the_grammar_of_the_newest_schema_is_recorded() -> None:
    """What comes after it is compared with this, so it is kept beside its golden files."""
    text = (GOLDEN / f"schema-{SCHEMA}" / "grammar.txt").read_text(encoding="utf-8")

    assert f"{grammar()}\n" == text, "write it unless it was released: python -m tests.wire"


def test_every_text_and_number_has_a_rule() -> None:
    """A field that is added later needs one; how many executors are expected has none."""
    kinds: dict[Any, None] = {}
    for document in DOCUMENTS.values():
        reached(document, kinds)
    words = {
        f"{cls.__name__}.{name}": re.findall(r"\w+", word(kind))
        for cls in filter(attrs.has, kinds)
        for name, kind in fields_of(cls).items()
    }
    bare = {name for name, said in words.items() if {"str", "integer"} & {*said}}

    assert {"TaskDefinition.expects", "TaskTriggered.expects"} == bare
    assert len(words) > 200
