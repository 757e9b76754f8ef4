"""The row that shows how far a search has come."""

from __future__ import annotations

import io
import sys

import pytest

from sequencectl.testing.exploration.progress import Row
from tests.exploration.__main__ import main


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_row_is_written_over_and_over() -> None:
    """Each time from its beginning, as wide as the one before, and never wider than a terminal."""
    stream = Terminal()
    row = Row(stream)

    row.show(0, 0, "none")
    row.show(1, 2, "half " * 20)
    row.show(2, 2, "all")
    row.clear()

    start, *rows, end = stream.getvalue().split("\r")
    assert ["", ""] == [start, end]
    assert {79} == set(map(len, rows))
    assert [f"[{'#' * n}{'-' * (20 - n)}]" for n in (0, 10, 20)] == [row[:22] for row in rows[:3]]
    assert ["none", "half", "all", ""] == [row[23:27].strip() for row in rows]


def test_a_row_is_silent_where_there_is_no_terminal() -> None:
    """A file or a pipe gets nothing."""
    stream = io.StringIO()

    Row(stream).show(1, 2, "half")
    Row(stream).clear()

    assert "" == stream.getvalue()


def test_the_command_line_shows_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal, beside the figures, which go to stdout alone."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)

    status = main(["one request"])

    assert 0 == status
    assert "[####################] one request: 114 states, 993 transitions, 0 waiting" in (
        stream.getvalue()
    )
    assert capsys.readouterr().out.startswith('"one request" = {')
