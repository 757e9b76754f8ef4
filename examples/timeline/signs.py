"""Numbered signs: what a person did, which limit was met; and where there is room for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from examples.timeline.svg import Attributes, element
from examples.timeline.tracks import Sign

WIDTH, HEIGHT, ROW = 36.0, 16.0, 20.0
MOST_ROWS: Final = 4

GLYPHS: Final = {
    Sign.PAUSE: "M-3.5-4h2.5v8h-2.5zM1-4h2.5v8H1z",
    Sign.RESUME: "M-3-4.5L4.5 0L-3 4.5z",
    Sign.WAIT: "M-5-1.2h2.4v2.4h-2.4zM-1.2-1.2h2.4v2.4h-2.4zM2.6-1.2H5v2.4H2.6z",
    Sign.ABORT: "M-3.5-3.5h7v7h-7z",
    Sign.FORCE: "M-4-2.5L-2.5-4L0-1.5L2.5-4L4-2.5L1.5 0L4 2.5L2.5 4L0 1.5L-2.5 4L-4 2.5L-1.5 0z",
    Sign.TIME_LIMIT: "M-3.5-4.5h7L.8 0l2.7 4.5h-7L-.8 0z",
    Sign.OTHER: "M0-4L4 0L0 4L-4 0z",
}
"""Two bars, a triangle, three dots, a square, a cross, an hourglass, a diamond."""


def badge(sign: Sign, count: int, x: float, y: float) -> str:
    """Return a sign with its number, around a point."""
    box: Attributes = {"x": x - WIDTH / 2, "y": y - HEIGHT / 2, "width": WIDTH, "height": HEIGHT}
    place: Attributes = {"x": x + 6, "y": y + 3.5, "text_anchor": "middle"}
    moved = f"translate({x - 8:.1f} {y:.1f})"
    return element(
        "g",
        element("rect", class_="t-badge", rx=HEIGHT / 2, **box),
        element("path", class_="t-glyph", d=GLYPHS[sign], transform=moved),
        element("text", class_="t-count", text=str(count), **place),
    )


def levels(xs: Sequence[float]) -> list[int | None]:
    """Return the rows in which no sign covers another, None where there is no room for one.

    The signs come from left to right.
    """
    ends: list[float] = []
    found: list[int | None] = []
    for x in xs:
        level = next((n for n, end in enumerate(ends) if end <= x), len(ends))
        if level == MOST_ROWS:
            found.append(None)
            continue
        ends[level : level + 1] = [x + WIDTH + 2]
        found.append(level)
    return found
