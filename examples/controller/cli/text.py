"""Text from outside made harmless, and instants made short.

Names, reasons and messages come from anywhere. A line break in one would forge a line of ours, an
escape sequence would command the terminal, a bidirectional override would reverse what is read:
such characters are written out. So is what the output cannot encode.
"""

from __future__ import annotations

import unicodedata
from datetime import MINYEAR, UTC, datetime
from typing import Final

INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def visible(text: object, *, encoding: str = "utf-8") -> str:
    """Return the text with everything written out that is not seen as what it is."""
    shown = "".join(_shown(character) for character in str(text))
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def instant(text: object) -> datetime:
    """Return an ISO instant; what is none lies before all others."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)


def clock(text: object, *, with_date: bool = False) -> str:
    """Return an ISO instant as UTC time of day, after its date if asked for; else what it is."""
    at = instant(text)
    if at.year == MINYEAR:
        return "" if text is None else str(text)
    return at.strftime("%Y-%m-%d %H:%M:%S" if with_date else "%H:%M:%S")


def created(text: object) -> str:
    """Return the date and UTC time of an instant in nanoseconds since 1970; else what it is."""
    try:
        at = datetime.fromtimestamp(int(str(text)) // 1_000_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return "" if text is None else str(text)
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _shown(character: str) -> str:
    if unicodedata.category(character) not in INVISIBLE:
        return character
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
