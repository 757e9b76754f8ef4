"""The page about the command line shows commands that exist, and all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from examples.controller.cli.commands import program
from tests.examples.controller.cli.command_line import CommandLine

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "command-line.md").read_text("utf-8")
LINES = re.findall(r"^\$ sequencectl-cli (.*)$", PAGE, re.MULTILINE)


def verbs(group: click.Group, before: str = "") -> Iterator[str]:
    """Every verb of the program, in full."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from verbs(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


@pytest.fixture
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that the page names are there."""
    for name in ("event.json", "examples/demo/sockshop.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}", "utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_in_a_folder")
@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_page_is_right_usage(run: CommandLine, line: str) -> None:
    """Whatever the controller says to it, its options and arguments make sense."""
    ran = run(line.partition(" > ")[0].removesuffix(" --watch"))

    assert ran.status in {0, 1}


def test_the_page_names_every_verb() -> None:
    """What the program can do can be read there."""
    missing = [verb for verb in verbs(program) if verb not in PAGE]

    assert [] == missing


def test_the_page_names_every_exit_status() -> None:
    """The table has those that the modules define."""
    rows = re.findall(r"^\| ([\d, ]+) \|", PAGE, re.MULTILINE)

    assert ["0", "1", "2", "3", "4", "5", "130, 141, 143"] == rows
