"""Text as SVG: elements, escaping, and what fits into a width.

Shows how texts from outside stay texts: all of them go through `element`, which escapes them, and
what a reader could not see, or what turns the line around, is spelled out.
"""

from __future__ import annotations

from typing import Any, Final
from unicodedata import category, east_asian_width
from xml.sax.saxutils import escape, quoteattr

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Categories of characters that nobody sees: controls, formats, what is not assigned."""

_CHARACTER: Final = 0.58
"""So wide is a character, as a part of the font's size: a little more than most are."""

Attributes = dict[str, Any]
"""Attributes that several elements share."""


def visible(text: str) -> str:
    """Return a text with every control, bidirectional or unassigned character spelled out."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"\\u{ord(c):04x}" if category(c) in _UNSEEN else c for c in text)


def number(value: float) -> str:
    """Return a length with one decimal at most, the same for the same value everywhere."""
    return f"{value:.1f}".removesuffix(".0")


def element(name: str, *inside: str, text: str | None = None, **attributes: str | float) -> str:
    """Return an element around others, or around a text.

    A name of an attribute may end in an underscore, and another underscore stands for a hyphen.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}={quoteattr(_value(value))}"
        for key, value in attributes.items()
    )
    if text is not None:
        inside = (*inside, escape(visible(text)))
    if not inside:
        return f"<{name}{written}/>"
    return f"<{name}{written}>{''.join(inside)}</{name}>"


def _value(value: str | float) -> str:
    return visible(value) if isinstance(value, str) else number(value)


def width_of(text: str, size: float) -> float:
    """Return about how wide a text is, and rather too much, in a font of this size."""
    wide = sum(east_asian_width(character) in {"F", "W"} for character in text)
    return (len(text) + wide) * size * _CHARACTER


def fitted(text: str, width: float, size: float) -> str:
    """Return a text as it is shown in so much room: cut with an ellipsis, or nothing at all."""
    shown = visible(text)
    if width_of(shown, size) <= width:
        return shown
    while shown and width_of(shown, size) > width - size * _CHARACTER:
        shown = shown[:-1]
    return f"{shown.rstrip()}…" if len(shown) >= 3 else ""
