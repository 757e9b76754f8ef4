"""What holds for the repository as a whole: it stands alone, and its lists agree."""

import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[1]
FOREIGN = {
    "a package registry's host": r"pypi\.org|pythonhosted\.org|npmjs\.(com|org)|/simpl[e]/",
    "an absolute path of one machine": r"(?<![\w.\-])/(work|root|farm|home|Users)/\w",
    "a folder outside of the repository": r"\.\./shared",
}


def foreign_parts(text: str) -> list[str]:
    """What a text names that no clone of the repository has."""
    return [what for what, pattern in FOREIGN.items() if re.search(pattern, text)]


def pins(path: Path) -> dict[str, str]:
    """The names a requirement file pins, with version; a marker says where, not which."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pinned = (line.rstrip(" \\").partition("==") for line in lines if "==" in line[:60])
    return {
        name: version.partition(" ;")[0] for name, _, version in pinned if not name.startswith(" ")
    }


def wanted(layer: str) -> set[str]:
    """The requirements a layer's source lists."""
    lines = (ROOT / "requirements" / f"{layer}.in").read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_part_is_found(what: str) -> None:
    """The search below does find each of the three kinds."""
    # Put together here, so that this file itself holds none of them.
    texts = {
        "a package registry's host": "https://files.python" + "hosted.org/packages",
        "an absolute path of one machine": "see /" + "work/main",
        "a folder outside of the repository": ".." + "/shared/DESIGN.md",
    }

    assert [what] == foreign_parts(texts[what])


@pytest.fixture
def tracked(require_or_skip: Callable[[str], NoReturn]) -> list[Path]:
    """The files that are tracked, or would be with the next commit."""
    git = ["git", "-c", "safe.directory=*"]  # a clone may belong to somebody else
    listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(
            [*git, *listing], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        require_or_skip("the list of tracked files needs git and a clone")
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_the_repository_stands_alone(tracked: list[Path]) -> None:
    """No tracked file names a registry's host, a path of one machine or a file elsewhere."""
    found = {
        str(path.relative_to(ROOT)): parts
        for path in tracked
        if (parts := foreign_parts(path.read_bytes().decode("utf-8", "replace")))
    }

    assert ROOT / "dev.py" in tracked
    assert {} == found


def test_coverage_is_never_switched_off_by_hand() -> None:
    """No line of the library has a pragma; what coverage leaves out is in pyproject.toml."""
    sources = sorted((ROOT / "src").rglob("*.py"))

    marked = [path.name for path in sources if re.search(r"pragma:\s*no", path.read_text("utf-8"))]
    assert sources
    assert [] == marked


def test_the_locked_layers_agree() -> None:
    """Any two layers that pin the same name pin the same version."""
    layers = [pins(path) for path in sorted((ROOT / "requirements").glob("*.txt"))]
    everything = {name: version for layer in layers for name, version in layer.items()}

    disagreeing = {name for layer in layers for name in layer if layer[name] != everything[name]}
    assert len(everything) > 20
    assert set() == disagreeing


@pytest.mark.parametrize(
    "path", sorted((ROOT / "requirements").glob("*.in")), ids=lambda path: path.stem
)
def test_every_layer_is_locked(path: Path) -> None:
    """Each requirement of a layer's source is pinned in its lock file."""
    names = {re.split(r"[<>=]", line)[0].replace(".", "-") for line in wanted(path.stem)}

    assert set() == names - pins(path.with_suffix(".txt")).keys()


def test_the_run_layer_is_what_the_package_depends_on() -> None:
    """The package's dependencies and the layers installed for it are the same lists."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert set(project["dependencies"]) == wanted("run")
    assert wanted("demo") >= set(project["optional-dependencies"]["yaml"])
