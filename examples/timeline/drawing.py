"""The picture: a header, numbered signs, an axis, stages as lanes, a legend and what was told."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from examples.timeline.axis import Axis, axis_over, clock
from examples.timeline.folding import story_of
from examples.timeline.lanes import LEFT, MARGIN, RIGHT, WIDTH, is_drawn, lanes
from examples.timeline.signs import ROW as SIGN_ROW
from examples.timeline.signs import badge, levels
from examples.timeline.style import PATTERNS, SMALL, name_of, patterns, style
from examples.timeline.svg import Attributes, element, fitted, visible, width_of
from examples.timeline.tracks import Look, Note, Story, Track
from sequencectl import Event

HEADER: Final = 56.0
LINE: Final = 17.0
TICK_ROOM: Final = 84.0
LONGEST: Final = 130
"""So many characters of what is told stand in a line."""

MOST_ROWS, MOST_NOTES, MOST_LINES = 40, 40, 3
"""So many of the newest are drawn, and lines of a note; what is left out is said."""


class UnknownContext(LookupError):
    """Nothing is known of a context: it never was, or its events are gone."""

    def __init__(self, context: str) -> None:
        super().__init__(f"no sequence of context {context!r} was triggered in these events")
        self.context = context


def timeline_svg(events: Iterable[Event], context: str, *, now: datetime) -> str:
    """Return a picture of a context, as it is `now`, from the events of its project.

    `events` are in the order of their serials, those of other contexts among them, as a store
    keeps them. Raises `UnknownContext` if none of them triggers a sequence of the context.
    """
    story = story_of(events, context)
    if not story.tracks:
        raise UnknownContext(context)
    tracks, notes = story.tracks[-MOST_ROWS:], story.notes[-MOST_NOTES:]
    end = _end(story, now)
    axis = axis_over(min(track.triggered_at for track in tracks), end, LEFT, RIGHT)
    places = levels([axis.x(note.at) for note in notes])
    top = (
        HEADER
        + SIGN_ROW * (max((place for place in places if place is not None), default=-1) + 1)
        + LINE
    )
    behind, rows, bottom = lanes(axis, tracks, end, top)
    legend, below = _legend(tracks, end, bottom + 22)
    told, height = _told(story, notes, below + 10)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH:g}" height="{height:g}" '
        f'viewBox="0 0 {WIDTH:g} {height:g}" role="img">',
        element("title", text=f"Timeline of {_title(story)}"),
        element("desc", text=_description(tracks, end)),
        style(),
        patterns(),
        element("rect", class_="t-paper", width=WIDTH, height=height),
        *_header(story, axis, end),
        *behind,
        *_grid(axis, top, bottom),
        *rows,
        *_signs(axis, notes, places, bottom),
        *_times(axis, top),
        *_now(story, axis, end, top, bottom),
        *legend,
        *told,
        "</svg>\n",
    ])  # fmt: skip


def _end(story: Story, now: datetime) -> datetime:
    """Return the last instant that is drawn: now, unless all of it is over."""
    assert story.last_at is not None
    is_live = any(track.ended_at is None for track in story.tracks)
    return max(now, story.last_at) if is_live else story.last_at


# ---------------------------------------------------------------- above the lanes


def _title(story: Story) -> str:
    first = story.tracks[0].subject
    service = f" of {first.service}" if first.service else ""
    return f"{first.sequence}{service} in {first.project}"


def _header(story: Story, axis: Axis, end: datetime) -> Iterable[str]:
    head, room = _title(story), WIDTH - 2 * MARGIN
    yield element("text", class_="t-head", x=MARGIN, y=24, text=fitted(head, room, 15))
    until = end.astimezone(UTC)
    took = f"{axis.begin:%Y-%m-%d %H:%M:%S} – {until:%Y-%m-%d %H:%M:%S} UTC"
    if until.date() == axis.begin.date():
        took = f"{axis.begin:%Y-%m-%d %H:%M:%S} – {until:%H:%M:%S} UTC"
    said = " · ".join(filter(None, (f"context {story.context}", story.image, took)))
    yield element("text", class_="t-soft", x=MARGIN, y=42, text=fitted(said, room * 1.1, 11))


def _grid(axis: Axis, top: float, bottom: float) -> Iterable[str]:
    for x, _ in axis.ticks(TICK_ROOM):
        yield element("line", class_="t-grid", x1=x, x2=x, y1=top, y2=bottom)


def _times(axis: Axis, top: float) -> Iterable[str]:
    for x, label in axis.ticks(TICK_ROOM):
        anchor = "end" if x + width_of(label, SMALL) / 2 > WIDTH else "middle"
        place: Attributes = {"x": x, "y": top - 5, "class_": "t-small t-soft t-time"}
        yield element("text", text_anchor=anchor, text=label, **place)


def _signs(
    axis: Axis, notes: Sequence[Note], places: Sequence[int | None], bottom: float
) -> Iterable[str]:
    for count, (note, level) in enumerate(zip(notes, places, strict=True), 1):
        if level is None:
            continue
        x, y = axis.x(note.at), HEADER + SIGN_ROW * level + 4
        line = element("line", class_="t-sign", x1=x, x2=x, y1=y, y2=bottom)
        title = element("title", text=f"{count}: {clock(note.at)} {note.text}")
        yield element("g", title, line, badge(note.sign, count, min(x, WIDTH - 19), y))


def _now(story: Story, axis: Axis, end: datetime, top: float, bottom: float) -> Iterable[str]:
    if all(track.ended_at is not None for track in story.tracks):
        return
    x = axis.x(end)
    yield element("line", class_="t-now", x1=x, x2=x, y1=top, y2=bottom + 4)
    place: Attributes = {"x": x, "y": bottom + 14}
    yield element("text", class_="t-small t-nowtext", text_anchor="end", text="now", **place)


# ---------------------------------------------------------------- below the lanes


def _legend(tracks: Sequence[Track], end: datetime, top: float) -> tuple[list[str], float]:
    """Return what the looks mean that are there, and where that ends."""
    spans = [span for track in tracks for span in (*track.spans, *track.drains)]
    seen = {span.look for span in spans if is_drawn(span, end)}
    parts, x, y = [], MARGIN, top
    for look in (look for look in Look if look in seen):
        wide = 28 + width_of(look.value, SMALL) + 14
        if x + wide > RIGHT:
            x, y = MARGIN, y + LINE
        box: Attributes = {"x": x, "y": y - 9, "width": 22.0, "height": 12.0, "rx": 2.0}
        parts.append(element("rect", class_=f"t-{name_of(look)}", **box))
        if look in PATTERNS:
            parts.append(element("rect", fill=f"url(#t-{name_of(look)})", **box))
        parts.append(element("text", class_="t-small", x=x + 28, y=y + 1, text=look.value))
        x += wide
    return parts, y + LINE


def _told(story: Story, notes: Sequence[Note], top: float) -> tuple[list[str], float]:
    """Return what the numbers stand for, and the height of the whole picture."""
    parts, y = [], top
    left_out = [
        f"{count} earlier {what}"
        for count, what in (
            (max(len(story.tracks) - MOST_ROWS, 0), "sequences"),
            (max(len(story.notes) - MOST_NOTES, 0), "notes"),
        )
        if count
    ]
    if left_out:
        said = f"{', '.join(left_out)} left out"
        parts.append(element("text", class_="t-soft", x=MARGIN, y=y, text=said))
        y += LINE
    for count, note in enumerate(notes, 1):
        parts.append(badge(note.sign, count, MARGIN + 18, y - 4))
        for line in _lines(f"{clock(note.at)}  {visible(note.text)}"):
            parts.append(element("text", x=MARGIN + 46, y=y, text=line))
            y += LINE
        y += 4
    return parts, y


def _lines(text: str) -> list[str]:
    lines = textwrap.wrap(text, LONGEST)
    if len(lines) > MOST_LINES:
        lines[MOST_LINES - 1 :] = [f"{lines[MOST_LINES - 1]}…"]
    return lines


def _description(tracks: Sequence[Track], end: datetime) -> str:
    """Return the picture in words: a sentence for each sequence."""
    said = []
    for track in tracks:
        spans = [span for span in track.spans if is_drawn(span, end)]
        parts = [
            f"{' '.join(dict.fromkeys(filter(None, (span.name, span.note))))} "
            f"{clock(span.begin)}–{clock(span.end or end)}"
            for span in spans
        ]
        where = f"{track.subject.stage}: {track.subject.sequence} {track.word}"
        said.append(f"{where} ({'; '.join(parts)})." if parts else f"{where}.")
    return " ".join(said)
