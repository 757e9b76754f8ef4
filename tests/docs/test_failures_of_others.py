"""What the pages say of others' failures: each of them has its link and its test."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = (ROOT / "tests" / "scenarios" / "test_known_failures.py").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| \[(?P<name>[^]]+) #(?P<number>\d+)\]\((?P<link>https://\S+)\): ", re.MULTILINE
)


def rows(page: str) -> list[re.Match[str]]:
    """The rows of a page's table of failures."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return list(ROW.finditer(text[text.index("## Where others fail") :]))


@pytest.mark.parametrize(
    ("page", "count"), [("approvals.md", 4), ("windows.md", 2), ("failures.md", 6)]
)
def test_each_failure_has_its_link_and_its_test(page: str, count: int) -> None:
    """The number is that of the link, and of a test that is named after project and issue."""
    found = rows(page)

    assert count == len(found)
    for row in found:
        project = row["name"].split()[0].lower()
        assert row["link"].endswith(f"/{row['number']}")
        assert re.search(rf"^def test_{project}\w*_{row['number']}_\w+\(", TESTS, re.MULTILINE)
