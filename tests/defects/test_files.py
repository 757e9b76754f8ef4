"""The defect files fit the tree they stand in, which a change of the library can break."""

from pathlib import Path

import pytest

from tests.defects.runner import read_defect

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
RULES = (1, 2, 3, 5, 6, 11, 13, 14, 18, 19, 20, 22, 24, 25, 27, 29)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_a_defect_file_fits_the_tree(path: Path) -> None:
    """Its old text occurs exactly once in its file, and the tests it names are in files."""
    defect = read_defect(path, ROOT)

    missing = [test for test in defect.tests if not (ROOT / test.partition("::")[0]).is_file()]
    assert [] == missing


def test_the_rules_that_matter_most_have_a_defect() -> None:
    """Sixteen rules are each broken by at least one defect."""
    broken = {read_defect(path, ROOT).rule for path in FOLDER.glob("*.toml")}

    assert set() == {f"R{number}" for number in RULES} - broken
