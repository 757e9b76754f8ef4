"""The calendar file that the documentation shows."""

from __future__ import annotations

import re
from pathlib import Path

from examples.controller.calendars import FileCalendar
from tests.examples.controller.calendars.files import changes, event, file
from tests.examples.controller.calendars.test_refusals import refusal

PAGE = (Path(__file__).parents[4] / "docs/windows.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The first block of the page in a language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_file_of_the_page_means_what_the_page_says() -> None:
    """In the first week, with its exception, and over Christmas, for prod and for the others."""
    asked = FileCalendar(block("none"))

    assert [
        "open 2026-01-05 00:00 at night",
        "closed 2026-01-05 17:00 at night", "open 2026-01-06 05:00 at night",
        "closed 2026-01-06 17:00 at night", "open 2026-01-07 05:00 at night",
        "closed 2026-01-07 17:00 at night", "open 2026-01-08 05:00 weekend",
        "closed 2026-01-09 17:00 weekend", "open 2026-01-12 05:00 at night",
    ] == changes(asked, "2026-01-05 00:00", "2026-01-12 17:00", stage="prod")  # fmt: skip
    assert [
        "closed 2026-12-23 17:00 at night", "open 2027-01-04 05:00 at night",
    ] == changes(asked, "2026-12-23 17:00", "2027-01-04 17:00", stage="prod")  # fmt: skip
    assert [
        "open 2026-01-05 00:00 Christmas freeze",
        "closed 2026-12-23 23:00 Christmas freeze", "open 2027-01-01 23:00",
    ] == changes(asked, "2026-01-05 00:00", "2028-01-01 00:00")  # fmt: skip


def test_the_refusal_of_the_page_is_one() -> None:
    """Word for word."""
    lines = ["X-A:1"] * 4
    error = refusal(file(*lines, event("20260105T180000")))

    assert block("text").strip() == str(error)
