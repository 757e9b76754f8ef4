"""The page about verification has every layer, and for each the defect that only it catches."""

import re
import tomllib
from pathlib import Path

from tests.defects.layers import LAYERS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "verification.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| [^|]+ \| (CI|by hand): [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)


def test_every_layer_has_its_row() -> None:
    """In the order of the module that defines them, and with where it runs."""
    assert [(x.name, "CI" if x.is_in_ci else "by hand") for x in LAYERS] == [x[:2] for x in ROWS]


def test_every_row_names_the_defect() -> None:
    """By its title; a layer that CI does not run has none."""
    files = sorted((ROOT / "tests" / "defects").glob("*.toml"))
    defects = [tomllib.loads(path.read_text(encoding="utf-8")) for path in files]
    titles = {defect["only"]: defect["title"] for defect in defects if "only" in defect}

    named = {name: title for name, _, title in ROWS if not title.startswith("none: ")}
    assert titles == named
