"""The curves of growth as a picture, the same bytes for the same figures.

Needs the layer ``requirements/bench.txt``, which ``python3 dev.py bench --write`` installs.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.figure import Figure

from tests.bench.growth import Curve

PICTURE: Final = Path(__file__).resolve().parents[2] / "docs" / "growth.svg"
_DASHES: Final = ("-", "--")


def draw(curves: Iterable[Curve], path: Path = PICTURE) -> None:
    """Draw microseconds by how many wait, both on logarithmic axes, the quartiles as a band."""
    with mpl.rc_context({"svg.hashsalt": "sequencectl", "svg.fonttype": "none"}):
        drawn = _figure(curves)
        drawn.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("".join(f"{line.rstrip()}\n" for line in lines), encoding="utf-8")


def _figure(curves: Iterable[Curve]) -> Figure:
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    colours: dict[str, str] = {}
    dashes: dict[str, str] = {}
    for curve in curves:
        colour = colours.setdefault(curve.name, f"C{len(colours)}")
        dash = dashes.setdefault(curve.spread, _DASHES[len(dashes) % len(_DASHES)])
        sizes = [size for size, _ in curve.points]
        taken = [each for _, each in curve.points]
        axes.plot(
            sizes,
            [each.median for each in taken],
            color=colour,
            linestyle=dash,
            marker="o",
            markersize=3,
            label=f"{curve.name}, {curve.spread}",
        )
        axes.fill_between(
            sizes,
            [each.low for each in taken],
            [each.high for each in taken],
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
    axes.set(xscale="log", yscale="log", xlabel="waiting", ylabel="µs, median and quartiles")
    axes.set_ylim(bottom=1)
    axes.grid(visible=True, which="major", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure
