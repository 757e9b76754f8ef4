"""Rows of bars over an axis of time, drawn with rich's `Text` and nothing else.

Shows the tracks; every state of a sequence has a glyph as well as a color, so that nothing is lost
without colors, and a second set of glyphs for an output that knows ASCII only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import TextIO

import attrs
from rich.text import Text

from examples.demo.tracks import Look, Track


@attrs.frozen
class Ink:
    """What the parts of a bar are drawn with."""

    glyphs: dict[Look, str]
    new_task: str
    good: str
    bad: str


UNICODE = Ink(
    {
        Look.WAITING: "·",
        Look.PAUSED: "╍",
        Look.DELAY: "┄",
        Look.ASKED: "░",
        Look.WORK: "▓",
        Look.DONE: "█",
        Look.WARNED: "▚",
        Look.FAILED: "▒",
        Look.PARKED: "◌",
    },
    new_task="▐",
    good="✔",
    bad="✘",
)
ASCII = Ink(
    {
        Look.WAITING: ".",
        Look.PAUSED: "=",
        Look.DELAY: "-",
        Look.ASKED: "?",
        Look.WORK: "o",
        Look.DONE: "#",
        Look.WARNED: "w",
        Look.FAILED: "x",
        Look.PARKED: "p",
    },
    new_task="|",
    good="+",
    bad="!",
)
STYLES = {
    Look.WAITING: "bright_black",
    Look.PAUSED: "bold yellow",
    Look.DELAY: "bright_black",
    Look.ASKED: "cyan",
    Look.WORK: "bright_cyan",
    Look.DONE: "green",
    Look.WARNED: "yellow",
    Look.FAILED: "red",
    Look.PARKED: "bold red",
}
MINUTES = (1, 2, 3, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 10_080, 100_000_000)
"""So many minutes may lie between two times on the axis."""

LEGEND = (
    (Look.WAITING, "waits"),
    (Look.ASKED, "asked"),
    (Look.WORK, "works"),
    (Look.DONE, "passed"),
    (Look.FAILED, "failed"),
    (Look.PAUSED, "paused"),
    (Look.DELAY, "delayed"),
    (Look.PARKED, "parked"),
)


@attrs.frozen
class Chart:
    """Rows over an axis of time: `width` columns from `begin`, each of them `step` long."""

    ink: Ink
    columns: tuple[int, int, int]
    width: int
    step: timedelta
    begin: datetime
    now: datetime

    def axis(self) -> Text:
        """Return the times of day above the rows, each where it belongs."""
        minute = timedelta(minutes=1)
        every = next((n for n in MINUTES if n * minute >= 8 * self.step), MINUTES[-1]) * minute
        midnight = self.begin.replace(hour=0, minute=0, second=0)
        form = "%H:%M" if every < timedelta(days=1) else "%m-%d"
        labels = " " * sum(self.columns)
        at = midnight + math.ceil((self.begin - midnight) / every) * every
        while (column := (at - self.begin) // self.step) <= self.width - 5:
            labels = f"{labels:<{sum(self.columns) + column}}{at:{form}}"
            at += every
        return one_line(labels, "bright_black")

    def legend(self) -> Text:
        """Return what the glyphs mean."""
        text = one_line(" " * self.columns[0])
        for look, word in LEGEND:
            text.append(self.ink.glyphs[look], style=STYLES[look])
            text.append(f" {word}   ", style="bright_black")
        return text

    def rows(self, tracks: Sequence[Track], names: Mapping[str, str]) -> list[Text]:
        """Return a row for each track; the first of a delivery has its name."""
        rows = []
        former = ""
        for track in tracks:
            name = names.get(track.context, track.context) if track.context != former else ""
            former = track.context
            rows.append(self._row(track, name))
        return rows

    def _row(self, track: Track, name: str) -> Text:
        parts = ((name, "bold"), (track.stage, ""), (track.sequence, ""))
        row = one_line()
        for (text, style), width in zip(parts, self.columns, strict=True):
            row.append(f"{text[: width - 1]:<{width}}", style=style)
        cells = (self._cell(track, self.begin + n * self.step) for n in range(self.width))
        for style, run in groupby(cells, key=lambda cell: cell[1]):
            row.append("".join(glyph for glyph, _ in run), style=style)
        if track.ended_at is None:
            return row.append(f" {track.word}", style="bold")
        mark, style = (self.ink.good, "green") if track.is_good else (self.ink.bad, "red")
        return row.append(f" {mark} {track.word}", style=style)

    def _cell(self, track: Track, begin: datetime) -> tuple[str, str]:
        """Return what one column of a row shows: what was in its middle, or begins there."""
        end, middle = begin + self.step, begin + self.step / 2
        spans = [s for s in track.spans if s.begin < end and (s.end or self.now) > begin]
        if not spans:
            return " ", ""
        shown = next((s for s in spans if (s.end or self.now) > middle), spans[-1])
        new = next((s for s in spans if s.is_new_task and s.begin >= begin), None)
        if new is not None:
            return self.ink.new_task, STYLES[new.look]
        return self.ink.glyphs[shown.look], STYLES[shown.look]


def can_encode(out: TextIO) -> bool:
    """Whether the encoding has all glyphs of the fine ink."""
    glyphs = "".join((*UNICODE.glyphs.values(), UNICODE.new_task, UNICODE.good, UNICODE.bad))
    try:
        glyphs.encode(out.encoding)
    except UnicodeEncodeError:
        return False
    return True


def one_line(text: str = "", style: str = "") -> Text:
    """Return a line that is cut where the terminal ends."""
    return Text(text, style=style, no_wrap=True, overflow="crop")
