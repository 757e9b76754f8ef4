"""The live view for a terminal: a row for each sequence, time from left to right, a log below.

Shows how little a user interface needs: `tracks` folds the events, this draws them with rich.
While it plays, the rows show the last minutes; at the end they show everything.
"""

from __future__ import annotations

import math
import os
import textwrap
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TextIO

import attrs
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from examples.demo.chart import ASCII, UNICODE, Chart, can_encode, one_line
from examples.demo.plain import detail
from examples.demo.tracks import Tracks, ending
from examples.demo.view import BEGIN, Bill, Clause, Kind, Line, clock, verdict_lines
from sequencectl import Ending, Event, TaskTriggered
from sequencectl.events import SequenceTimedOut, TaskFinishReported, TaskStartReported

NARROWEST, LOWEST = 70, 16
"""A smaller terminal gets plain lines."""

FRAME = 1 / 12
"""So many seconds lie between two frames at least."""

STEPS = (2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400)
"""So many virtual seconds may be one column."""

WINDOW = timedelta(minutes=11)
"""The rows show at least so much."""

TALLEST = 32
"""The view takes no more lines, on however tall a terminal."""

FEWEST_LOG_LINES = 4
MOST_ROWS = 100
"""The last frame has no more rows, whatever a shipyard does."""

WORD = 14
"""So many columns are kept for how a sequence stands."""

LOG_STYLES = {
    Kind.STORY: "bold",
    Kind.NOTE: "italic",
    Kind.COMMAND: "bold cyan",
    Kind.REPLY: "cyan",
    Kind.STATUS: "yellow",
}


def can_show(out: TextIO) -> bool:
    """Whether this is a terminal that can show the live view."""
    if not out.isatty() or not os.environ.get("TERM"):
        return False
    console = Console(file=out)  # for which a dumb terminal is not interactive
    return console.is_interactive and console.width >= NARROWEST and console.height >= LOWEST


class TimelineView:
    """Draws what happens on a terminal; a context manager that gives the cursor back."""

    def __init__(self, out: TextIO, cast: Bill, *, frame: float = FRAME) -> None:
        self._console = Console(file=out, highlight=False, emoji=False, markup=False)
        self._ink = UNICODE if can_encode(out) else ASCII
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._cast, self._frame_time = cast, frame
        self._tracks = Tracks()
        self._last_serial = 0
        self._log: deque[Text] = deque(maxlen=60)
        self._title = ""
        self._now = BEGIN
        self._drawn_at = 0.0

    def __enter__(self) -> TimelineView:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leave the last frame on the screen, everything in it unless it was interrupted."""
        if kind is None:
            self._live.update(self._whole())
        self._live.stop()

    def recall(self, events: Sequence[Event]) -> None:
        """Draw the rows as far as they had come."""
        for event in events:
            self._take_in(event)

    def event(self, event: Event) -> None:
        """Let the row of its sequence go on, and log it; the rows tell of the reports."""
        self._take_in(event)
        if isinstance(event, TaskStartReported | TaskFinishReported):
            return
        subject, style = event.subject, "bright_black"
        if isinstance(event, Ending):
            style = "green" if ending(event)[1] else "red"
        name = self._cast.names.get(subject.context, "")
        what = f"{type(event).__name__} {_said(event)}"
        said = f"{name:<7} {subject.stage:<10} {subject.sequence:<11} {what}"
        self._note(f"{clock(event.at)} {said}", style)

    def line(self, line: Line) -> None:
        """Log a line of text; a story's title goes to the top as well."""
        if line.kind is Kind.STORY:
            self._title = line.text
        mark = "> " if line.kind is Kind.REPLY else ""
        self._note(f"{clock(line.at)} {mark}{line.text}", LOG_STYLES[line.kind])

    def tick(self, now: datetime) -> None:
        """Draw again if that is long enough ago."""
        self._now = now
        if time.monotonic() - self._drawn_at >= self._frame_time:
            self._live.update(self._frame(), refresh=True)
            self._drawn_at = time.monotonic()

    def judge(self, clauses: Sequence[Clause]) -> None:
        """Write the verdict below the last frame."""
        first, *_, last = verdict_lines(clauses)
        table = Table.grid(padding=(0, 1))
        for clause in clauses:
            style = "green" if clause.holds else "bold red"
            sign = self._ink.good if clause.holds else self._ink.bad
            table.add_row(Text(f"{sign} {clause.name}", style=style, no_wrap=True), clause.sentence)
        self._console.print(Text(first, style="bold"), table, Text(last, style="bold"), sep="\n")

    def _take_in(self, event: Event) -> None:
        """Let the rows go on, unless this event has come before."""
        if event.serial > self._last_serial:
            self._last_serial, self._now = event.serial, event.at
            self._tracks.take_in(event)

    def _note(self, text: str, style: str) -> None:
        """Log a text, in several lines if it is long."""
        indent = " " * 9
        width = self._console.width - 1
        for part in textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False):
            self._log.append(one_line(part, style))

    def _frame(self) -> Group:
        """Return the last minutes: as many rows as there is room for, the rest is log."""
        chart = self._chart(WINDOW)
        until = max(self._now, BEGIN + chart.width * chart.step)
        begin = BEGIN + math.floor((until - BEGIN) / chart.step - chart.width + 1) * chart.step
        chart = attrs.evolve(chart, begin=max(begin, BEGIN))
        height = min(self._console.height - 1, TALLEST)
        tracks = [t for t in self._tracks.grouped() if t.is_live_after(chart.begin)]
        rows = chart.rows(tracks[-(height - FEWEST_LOG_LINES - 4) :], self._cast.names)
        room = height - len(rows) - 4
        log = list(self._log)[-room:]
        padding = [Text()] * (room - len(log))
        return Group(self._header(), chart.axis(), *rows, chart.legend(), Text(), *log, *padding)

    def _whole(self) -> Group:
        """Return everything that happened, from the first event to the last."""
        chart = self._chart(self._now - BEGIN, exactly=True)
        rows = chart.rows(self._tracks.grouped()[-MOST_ROWS:], self._cast.names)
        self._title = "the whole performance"
        return Group(self._header(), chart.axis(), *rows, chart.legend())

    def _header(self) -> Text:
        text = one_line(f"{self._cast.project}  {clock(self._now)}  ")
        return text.append(self._title, style="bold")

    def _chart(self, span: timedelta, *, exactly: bool = False) -> Chart:
        """Return an empty chart of this span or a little more, as wide as the terminal."""
        tracks = self._tracks.grouped()
        stage = max((len(track.stage) for track in tracks), default=0)
        sequence = max((len(track.sequence) for track in tracks), default=0)
        columns = 8, min(stage, 14) + 1, min(sequence, 14) + 1
        width = max(self._console.width - sum(columns) - WORD, 10)
        seconds = max(math.ceil(span.total_seconds() / width), 1)
        if not exactly:
            seconds = next((step for step in STEPS if step >= seconds), seconds)
        return Chart(self._ink, columns, width, timedelta(seconds=seconds), BEGIN, self._now)


def _said(event: Event) -> str:
    """Return what the log says of an event; what the rows show is left out."""
    match event:
        case TaskTriggered():
            return event.task
        case SequenceTimedOut():
            return ""
        case _:
            return detail(event)
