"""The pages of figures: every table of the bench has its place, and can be replaced there."""

from __future__ import annotations

import re

import pytest

from tests.bench.page import SECTIONS, overheard, page_of, with_table

PAGE_OF_ONE = "Before\n\n<!-- a: begin -->\nold\n<!-- a: end -->\n\nAfter\n"


@pytest.mark.parametrize("name", [*SECTIONS, "peers"])
def test_every_table_has_its_place(name: str) -> None:
    """Its page has one pair of marks for each table."""
    page = page_of(name).read_text(encoding="utf-8")

    assert 1 == with_table(page, name, "new").count("```text\nnew\n```")


@pytest.mark.parametrize("name", SECTIONS)
def test_no_table_is_empty(name: str) -> None:
    """The page shows what ``python3 dev.py bench --write`` printed, with its date."""
    page = page_of(name).read_text(encoding="utf-8")

    assert re.search(rf"<!-- {name}: begin -->\n```text\n20\d\d-\d\d-\d\d, ", page)


def test_a_table_is_replaced_as_it_was_printed() -> None:
    """What stands between the marks goes, backslashes stay; to do it twice changes nothing."""
    once = with_table(PAGE_OF_ONE, "a", "\n1 \\1 µs  \n  2\n")

    expected = (
        "Before\n\n<!-- a: begin -->\n```text\n1 \\1 µs\n  2\n```\n<!-- a: end -->\n\nAfter\n"
    )
    assert expected == once
    assert once == with_table(once, "a", "1 \\1 µs\n  2")


def test_a_table_without_a_place_is_a_mistake() -> None:
    """A name that the page does not have is refused."""
    with pytest.raises(LookupError, match="no marks of the name 'b'"):
        with_table(PAGE_OF_ONE, "b", "1")


def test_what_is_printed_is_heard(capsys: pytest.CaptureFixture[str]) -> None:
    """A table goes to the terminal and to the page."""
    with overheard() as heard:
        print("1 µs")

    assert ("1 µs\n", "1 µs\n") == (heard.getvalue(), capsys.readouterr().out)
