"""What reaches a terminal: lines, tables and JSON; nothing from outside is an instruction."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Final, TextIO, final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from examples.controller.cli.answers import ReaderGone
from examples.controller.cli.text import visible

PROGRAM: Final = "sequencectl-cli"
WIDEST: Final = 100_000
"""A table is never wider; a terminal breaks its lines where it wants."""


def hint(*words: str) -> str:
    """Return a command of this program, to be typed as it stands there."""
    return " ".join((PROGRAM, *words))


def option(name: str, value: str) -> str:
    """Return an option as it is typed in a shell, whatever its value."""
    return f"--{name}={shlex.quote(value)}"


@final
class Printer:
    """Writes lines, tables and JSON to stdout and complaints to stderr."""

    def __init__(self, out: TextIO | None, err: TextIO | None) -> None:
        self._out, self._err = out, err

    @property
    def can_redraw(self) -> bool:
        """Whether this is a terminal that can move its cursor."""
        is_terminal = self._out is not None and self._out.isatty()
        return is_terminal and bool(os.environ.get("TERM")) and self.console().is_interactive

    def console(self) -> Console:
        """Return a console that takes text for text: no markup, no emoji, no highlighting."""
        return Console(file=self._out, markup=False, emoji=False, highlight=False)

    def line(self, text: str) -> None:
        """Write one line at once."""
        self._write(self._out, f"{self.visible(text)}\n")

    def lines(self, texts: Sequence[str]) -> None:
        """Write some lines."""
        for text in texts:
            self.line(text)

    def json(self, value: Any) -> None:
        """Write JSON in ASCII, in which every other character is escaped."""
        self._write(self._out, f"{json.dumps(value, indent=2)}\n")

    def verbatim(self, text: str) -> None:
        """Write a text of the program's own, in several lines."""
        self._write(self._out, text)

    def complain(self, sentence: str) -> None:
        """Write a sentence to stderr, in one line."""
        encoding = getattr(self._err, "encoding", None) or "utf-8"
        self._write(self._err, f"{PROGRAM}: {visible(sentence, encoding=encoding)}\n")

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table as wide as its texts, in which a cell can be copied from any terminal."""
        memory = StringIO()
        console = Console(file=memory, width=WIDEST, color_system=None, force_terminal=False)
        console.print(self.grid(headings, rows))
        drawn = (line.rstrip() for line in memory.getvalue().splitlines())
        self._write(self._out, "".join(f"{line}\n" for line in drawn))

    def grid(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
        """Return a table without borders, in which each row is one line."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for heading in headings:
            table.add_column(Text(heading), overflow="crop", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(self.visible(cell)) for cell in row))
        return table

    def visible(self, text: object) -> str:
        """Return a text as stdout can show it."""
        return visible(text, encoding=getattr(self._out, "encoding", None) or "utf-8")

    def _write(self, file: TextIO | None, text: str) -> None:
        if file is None:  # closed from the start: nobody wants to know
            return
        try:
            file.write(text)
            file.flush()
        except BrokenPipeError as error:
            raise self._gone() from error

    def _gone(self) -> ReaderGone:
        """Let what is still in the buffer go nowhere, so that it is not tried again at the exit."""
        if self._out is not None:
            with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
                os.dup2(nowhere.fileno(), self._out.fileno())
        return ReaderGone("nobody reads the output")
