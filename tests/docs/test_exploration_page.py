"""The page about exploration says which rule is checked where."""

import re
from pathlib import Path

from sequencectl.testing.exploration.invariants import ALWAYS, WHEN_APPLIED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "exploration.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (R\d.*|all) \| (.*) \|$", PAGE, re.MULTILINE)
OF_THE_SEARCH = {
    "decisions_never_raise", "everything_ends_if_all_answer", "everything_ends_by_deadlines",
    "everything_ends_in_silence",
}  # fmt: skip


def test_the_table_has_every_rule_and_every_invariant() -> None:
    """R1 to R42 each have a row, and each predicate stands in one; the files it names exist."""
    rules = {int(number) for row, _ in ROWS for number in re.findall(r"R(\d+)", row)}
    named = {name for _, cell in ROWS for name in re.findall(r"`(\w+)`", cell)} - {"settle"}
    files = [path for _, cell in ROWS for path in re.findall(r"`(tests/\S+)`", cell)]

    assert set() == set(range(1, 43)) - {32} - rules
    assert {check.__name__ for check in (*ALWAYS, *WHEN_APPLIED)} | OF_THE_SEARCH == named
    assert [] == [path for path in files if not (ROOT / path).is_file()]
