"""Numbers of rules become links, and nothing else does; Sphinx says if there is no such rule."""

import pytest

from docs.rule_links import parts_of


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("the rules", [("the rules", None)]),
        ("R1", [("R1", "r1")]),
        ("(R18–R21).", [("(", None), ("R18", "r18"), ("–", None), ("R21", "r21"), (").", None)]),
        ("R6, R7", [("R6", "r6"), (", ", None), ("R7", "r7")]),
        ("R0, R12a, PR12, R 12, r12", [("R0, R12a, PR12, R 12, r12", None)]),
    ],
)
def test_each_number_of_a_rule_is_a_part(text: str, parts: list[tuple[str, str | None]]) -> None:
    """Both ends of a range are; what only looks like a number is not."""
    assert parts == parts_of(text)
