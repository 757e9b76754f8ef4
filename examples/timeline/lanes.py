"""Stages as lanes, a row in them for each sequence: bars, and below them what is being drained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from examples.timeline.axis import Axis, clock, lasting
from examples.timeline.style import FONT, PATTERNS, SMALL, name_of
from examples.timeline.svg import Attributes, element, fitted
from examples.timeline.tracks import Look, Span, Track

WIDTH: Final = 1000.0
MARGIN: Final = 16.0
NAMES: Final = 100.0
LEFT, RIGHT = 246.0, WIDTH - MARGIN - 4
ROW, BAR, STRIP, ABOVE = 48.0, 32.0, 6.0, 5.0

MOST_SPANS: Final = 200
"""So many of the newest spans of a row are drawn; one span stands for the earlier ones."""


def is_drawn(span: Span, end: datetime) -> bool:
    """Whether a span took any time, or is a task."""
    return (span.end or end) > span.begin or span.look not in {Look.PAUSING, Look.ABORTING}


def lanes(
    axis: Axis, tracks: Sequence[Track], end: datetime, top: float
) -> tuple[list[str], list[str], float]:
    """Return what lies behind the lanes of all stages from `top` on, what is in them, the end."""
    stages: dict[str, list[Track]] = {}
    for track in tracks:
        stages.setdefault(track.subject.stage, []).append(track)
    behind, parts, y = [], [], top
    for number, (stage, own) in enumerate(stages.items()):
        if number % 2 == 0:
            box: Attributes = {"x": MARGIN / 2, "width": WIDTH - MARGIN, "height": ROW * len(own)}
            behind.append(element("rect", class_="t-lane", y=y, **box))
        behind.append(_rule(y))
        name = fitted(stage, NAMES - MARGIN - 8, 12)
        label = element("text", class_="t-stage", x=MARGIN, y=y + 20, text=name)
        parts.append(element("g", element("title", text=f"stage {stage}"), label))
        for track in own:
            parts.append(_row(axis, track, end, y))
            y += ROW
    return [*behind, _rule(y)], parts, y


def _rule(y: float) -> str:
    return element("line", class_="t-rule", x1=MARGIN / 2, x2=WIDTH - MARGIN / 2, y1=y, y2=y)


def _row(axis: Axis, track: Track, end: datetime, top: float) -> str:
    subject = track.subject
    room = LEFT - NAMES - 8
    status = f"{subject.sequence} {track.word}"
    took = lasting((track.ended_at or end) - track.triggered_at)
    names: Attributes = {"x": NAMES, "class_": "t-name"}
    return element(
        "g",
        element("title", text=f"{subject.stage}: {status} ({subject.sequence_id})"),
        element("text", y=top + 20, text=fitted(status, room, FONT), **names),
        element("text", class_="t-small t-soft", x=NAMES, y=top + 33, text=took),
        *(_bar(axis, span, end, top + ABOVE) for span in _newest(track.spans)),
        *(_strip(axis, span, end, top + ABOVE + BAR + 1) for span in _newest(track.drains)),
    )


def _newest(spans: Sequence[Span]) -> Iterator[Span]:
    if (count := len(spans) - MOST_SPANS) > 0:
        last = spans[count - 1]
        said = f"{count} earlier spans"
        yield Span(Look.LEFT_OUT, spans[0].begin, said, "left out", last.end)
    yield from spans[max(count, 0) :]


def _bar(axis: Axis, span: Span, end: datetime, top: float) -> str:
    x, width = _extent(axis, span, end)
    name = name_of(span.look)
    box: Attributes = {"x": x, "y": top, "width": width, "height": BAR, "rx": min(3.0, width / 2)}
    parts = [_title(span, end), element("rect", class_=f"t-bar t-{name}", **box)]
    if span.look in PATTERNS:
        parts.append(element("rect", fill=f"url(#t-{name})", **box))
    lines = (fitted(span.name, width - 7, FONT), fitted(span.note, width - 7, SMALL))
    for line, size, y in zip(lines, ("", " t-small"), (14.0, 26.0), strict=True):
        if line:
            ink = f"t-on t-on-{name}{size}"
            parts.append(element("text", class_=ink, x=x + 4, y=top + y, text=line))
    return element("g", *parts)


def _strip(axis: Axis, span: Span, end: datetime, top: float) -> str:
    x, width = _extent(axis, span, end)
    name = name_of(span.look)
    box: Attributes = {"x": x, "y": top, "width": width, "height": STRIP}
    return element(
        "g",
        _title(span, end),
        element("rect", class_=f"t-{name}", **box),
        element("rect", fill=f"url(#t-{name})", **box),
    )


def _extent(axis: Axis, span: Span, end: datetime) -> tuple[float, float]:
    """Return where a span begins and how wide it is; what took no time is a line."""
    x = axis.x(span.begin)
    width = axis.x(span.end or end) - x
    return (x, width) if width >= 1 else (min(x, RIGHT - 1), 1.0)


def _title(span: Span, end: datetime) -> str:
    said = " ".join(dict.fromkeys(filter(None, (span.name, span.note))))
    until = span.end or end
    took = f"{clock(span.begin)}–{clock(until)}, {lasting(until - span.begin)}"
    still = "" if span.end else ", so far"
    return element("title", text=f"{said} ({took}{still})")
