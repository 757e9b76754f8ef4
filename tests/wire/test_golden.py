"""The golden files: what is written does not change, and what was written stays readable."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final, get_args

import pytest

from sequencectl import events as e
from sequencectl._wire import encoding
from sequencectl.commands import Command
from sequencectl.sequence import Phase
from sequencectl.serialization import (
    SCHEMA,
    ForgottenSequence,
    dump_event,
    dump_project,
    load_event,
)
from tests.wire import story_2
from tests.wire.documents import GOLDEN, chosen, compact_documents, rows
from tests.wire.older import read_again
from tests.wire.story import COMMANDS, EVENTS

ROOT: Final = Path(__file__).parents[2]
CHANGED: Final = (
    "What is written has changed. If this schema was never released, write the files again with "
    "`python -m tests.wire` and explain the diff. If it was released, its files stay for ever: add "
    "an Upgrade to UPGRADES in _wire/documents.py, which makes it the schema before the newest."
)
FILES: Final = sorted(GOLDEN.glob("schema-*/*.json"))
EAST: Final = datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=3)))
DIGEST: Final = """
import hashlib
from tests.wire.documents import chosen, compact_documents
from sequencectl.serialization import dump_project
from sequencectl._wire.encoding import instant_text
from tests.wire.test_golden import EAST
said = b"".join(document.dump(document.value) for document in chosen().values())
said += b"".join(dump_project(each, compact=True) for each in compact_documents().values())
print(hashlib.sha256(said).hexdigest(), instant_text(EAST))
"""


def schema_of(path: Path) -> int:
    """The schema a golden file is of."""
    return int(path.parent.name.removeprefix("schema-"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_golden_file_is_written_and_read_as_ever(path: Path) -> None:
    """Today's encoder writes exactly these bytes, today's decoder reads the same values."""
    document = chosen(schema_of(path))[path.stem]
    value = read_again(document.value) if schema_of(path) == 1 else document.value

    assert path.read_bytes() == document.dump(document.value, schema=schema_of(path)), CHANGED
    assert value == document.load(path.read_bytes()), CHANGED


@pytest.mark.parametrize("name", chosen())
def test_every_document_is_written_by_a_writer_that_was_just_made(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No document depends on what was written before it."""
    monkeypatch.setattr(encoding, "_CONVERTER", encoding._configured())
    document = chosen()[name]

    newest = GOLDEN / f"schema-{SCHEMA}" / f"{name}.json"
    assert newest.read_bytes() == document.dump(document.value)


def test_every_schema_has_its_golden_files() -> None:
    """No schema is without files, and no document of a schema without a file of it."""
    numbers = range(1, SCHEMA + 1)
    folders = {path.name for path in GOLDEN.iterdir()}
    files = {
        number: {path.stem for path in FILES if schema_of(path) == number} for number in numbers
    }

    assert {f"schema-{number}" for number in numbers} == folders
    assert {number: set(chosen(number)) for number in numbers} == files


def test_the_story_leaves_nothing_out() -> None:
    """Every type of event and of command, every phase and every cause is in it."""
    known = [*rows().values(), *rows(story_2.STATE).values()]
    phases = {row.phase for row in known if not isinstance(row, ForgottenSequence)}

    assert set(get_args(e.Event)) == {type(event) for event in (*EVENTS, *story_2.EVENTS)}
    assert set(get_args(Command)) == {type(told) for told in (*COMMANDS, *story_2.COMMANDS)}
    assert set(Phase) == phases
    assert len(rows()) > len(phases)


def test_the_documentation_shows_what_is_written() -> None:
    """The example in ``docs/wire.md`` is a document of today, to the byte."""
    page = (ROOT / "docs" / "wire.md").read_bytes()
    shown = re.findall(rb"^```json\n(.*)\n```$", page, re.MULTILINE)

    assert 1 == len(shown)
    assert shown[0] == dump_event(load_event(shown[0]))


@pytest.mark.parametrize("seed", ["0", "1"])
def test_neither_hash_seed_nor_time_zone_changes_a_byte(seed: str) -> None:
    """Another process, with another order of sets and another clock, writes the same bytes."""
    said = b"".join(document.dump(document.value) for document in chosen().values())
    said += b"".join(dump_project(each, compact=True) for each in compact_documents().values())
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    digest = subprocess.check_output(
        [sys.executable, "-c", DIGEST],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed, "TZ": "Asia/Kolkata"},
        text=True,
    )

    assert f"{hashlib.sha256(said).hexdigest()} 2026-01-01T06:00:00.000000Z" == digest.strip()
