"""What the looks look like: a pattern or an outline for each as well as a color, light and dark."""

from __future__ import annotations

from typing import Final

from examples.timeline.svg import element
from examples.timeline.tracks import Look

FONT: Final = 11.0
SMALL: Final = 9.5

PALETTE: Final[dict[Look, tuple[str, str, str, str, str, str]]] = {
    # fill, line and text; then the same in the dark
    Look.WAITING: ("#f1f3f5", "#8a939c", "#3c444c", "#20262d", "#77818c", "#c6ced6"),
    Look.PAUSED: ("#fff4cf", "#b98900", "#553f00", "#3a2f0c", "#d3a52c", "#ffe7a3"),
    Look.PARKED: ("#ffe6c7", "#b8650a", "#5a2f00", "#43290c", "#e8963a", "#ffddb5"),
    Look.DELAY: ("#ffffff", "#8a939c", "#3c444c", "#12161b", "#77818c", "#c6ced6"),
    Look.RUNNING: ("#d9ebff", "#1f6fc4", "#0b3566", "#0f2d4d", "#5aa7f5", "#cfe6ff"),
    Look.PASS: ("#d3f0da", "#2b8a45", "#0d4020", "#123a20", "#4fb86d", "#cdf3d7"),
    Look.WARNING: ("#ffe6c7", "#b8650a", "#5a2f00", "#43290c", "#e8963a", "#ffddb5"),
    Look.FAIL: ("#ffdbd9", "#c62f2a", "#6b0f0c", "#4a1715", "#f0736d", "#ffd3d0"),
    Look.TIMED_OUT: ("#f6dcf5", "#9c2f98", "#540f51", "#3f163d", "#d97bd5", "#f8d5f6"),
    Look.ABANDONED: ("#ffffff", "#c62f2a", "#6b0f0c", "#12161b", "#f0736d", "#ffd3d0"),
    Look.PAUSING: ("#fff4cf", "#b98900", "#553f00", "#3a2f0c", "#d3a52c", "#ffe7a3"),
    Look.ABORTING: ("#ffdbd9", "#c62f2a", "#6b0f0c", "#4a1715", "#f0736d", "#ffd3d0"),
    Look.LEFT_OUT: ("#ffffff", "#8a939c", "#3c444c", "#12161b", "#77818c", "#c6ced6"),
}

PATTERNS: Final[dict[Look, tuple[int, str]]] = {
    # the edge of a tile, and what is drawn in it; no entry: a plain fill
    Look.PAUSED: (8, "M-2 2l4-4M0 8l8-8M6 10l4-4"),
    Look.PAUSING: (8, "M-2 2l4-4M0 8l8-8M6 10l4-4"),
    Look.PARKED: (8, "M4 0v8M0 4h8"),
    Look.WARNING: (8, "M-2 6l4 4M0 0l8 8M6-2l4 4"),
    Look.ABORTING: (8, "M-2 6l4 4M0 0l8 8M6-2l4 4"),
    Look.FAIL: (8, "M0 0l8 8M0 8l8-8"),
    Look.TIMED_OUT: (6, "M3 0v6"),
    Look.RUNNING: (6, "M0 3h6"),
}

DASHES: Final[dict[Look, str]] = {
    Look.WAITING: "2 3",
    Look.DELAY: "1 4",
    Look.ABANDONED: "6 3",
    Look.LEFT_OUT: "1 2",
}

_LIGHT: Final = """
text{{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;\
font-size:{font}px;fill:#1d2329}}
.t-paper{{fill:#fff}}.t-head{{font-size:15px;font-weight:600}}.t-name{{font-weight:600}}
.t-small{{font-size:{small}px}}.t-soft{{fill:#59636e}}.t-stage{{font-size:12px;font-weight:600}}
.t-lane{{fill:#f8f9fa}}.t-grid{{stroke:#dfe3e8}}.t-rule{{stroke:#c4cad1}}
.t-sign{{stroke:#59636e;stroke-dasharray:2 3}}.t-badge{{fill:#3c444c}}.t-glyph{{fill:#fff}}
.t-count{{fill:#fff;font-size:{small}px;font-weight:600}}
.t-now{{stroke:#1f6fc4;stroke-dasharray:5 3}}.t-nowtext{{fill:#1f6fc4}}
.t-on,.t-time{{paint-order:stroke;stroke-width:3px;stroke-linejoin:round}}.t-time{{stroke:#fff}}
"""
_DARK: Final = """
text{fill:#e6e9ec}.t-paper{fill:#0d1014}.t-soft{fill:#9aa5b1}.t-time{stroke:#0d1014}.t-lane{fill:#14191f}
.t-grid{stroke:#262d35}.t-rule{stroke:#3a434d}.t-sign{stroke:#9aa5b1}.t-badge{fill:#c6ced6}.t-glyph{fill:#0d1014}
.t-count{fill:#0d1014}.t-now{stroke:#5aa7f5}.t-nowtext{fill:#5aa7f5}
"""


def name_of(look: Look) -> str:
    """Return a look as the names of classes have it."""
    return look.name.lower().replace("_", "-")


def style() -> str:
    """Return the style sheet of a timeline, with what a dark screen has instead."""
    light = [_LIGHT.format(font=f"{FONT:g}", small=f"{SMALL:g}").strip()]
    dark = [_DARK.strip()]
    for look, (fill, line, ink, dark_fill, dark_line, dark_ink) in PALETTE.items():
        light.append(_rules(look, fill, line, ink))
        dark.append(_rules(look, dark_fill, dark_line, dark_ink))
    for look, dashes in DASHES.items():
        light.append(f".t-{name_of(look)}{{stroke-dasharray:{dashes}}}")
    both = "\n".join([*light, "@media (prefers-color-scheme:dark){", *dark, "}"])
    return f"<style>\n{both}\n</style>"


def patterns() -> str:
    """Return the definitions of the patterns."""
    tiles = (
        element(
            "pattern",
            element("path", d=path, class_=f"t-ink-{name_of(look)}"),
            id=f"t-{name_of(look)}",
            width=edge,
            height=edge,
            patternUnits="userSpaceOnUse",
        )
        for look, (edge, path) in PATTERNS.items()
    )
    return element("defs", *tiles)


def _rules(look: Look, fill: str, line: str, ink: str) -> str:
    name = name_of(look)
    return (
        f".t-{name}{{fill:{fill};stroke:{line}}}"
        f".t-ink-{name}{{fill:none;stroke:{line};stroke-opacity:.45}}"
        f".t-on-{name}{{fill:{ink};stroke:{fill}}}"
    )
