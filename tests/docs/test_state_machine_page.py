"""The page about the state machine says what the rulebook says."""

import runpy
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def generator() -> dict[str, Any]:
    """The names of the program that writes the page."""
    return runpy.run_path(str(DOCS / "state_machine_page.py"))


def test_the_page_is_up_to_date(generator: dict[str, Any]) -> None:
    """The committed page is what the generator would write now."""
    command = ".venv/bin/python docs/state_machine_page.py"
    written = (DOCS / "state-machine.md").read_text(encoding="utf-8")

    assert written == generator["page"](), f"the rulebook changed; run: {command}"


def test_the_table_has_every_row_of_the_rulebook(generator: dict[str, Any]) -> None:
    """Read back from the page, the table is the rulebook's own."""
    head, _, *lines = generator["table"]().splitlines()
    phases = [name.strip() for name in head.split("|")[2:-1]]
    cells = {
        (line.split("|")[1].strip(" `"), phase, cell.strip())
        for line in lines
        for phase, cell in zip(phases, line.split("|")[2:-1], strict=True)
        if cell.strip()
    }

    rows = generator["TRANSITIONS"]
    assert {(event.__name__, before.name, after.name) for event, before, after in rows} == cells
