"""What a wheel says about the package: its version and where its project lives."""

from __future__ import annotations

import subprocess
import sys
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

import sequencectl

ROOT = Path(__file__).parents[2]
HOME = "https://github.com/sequencectl/sequencectl"
BUILD = "import sys, hatchling.build as b; b.prepare_metadata_for_build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> Message:
    """The metadata that a wheel of this tree would have."""
    folder = tmp_path_factory.mktemp("metadata")
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=ROOT, check=True)
    (path,) = folder.glob("*/METADATA")
    return Parser().parsestr(path.read_text(encoding="utf-8"))


def test_the_version_has_one_place(metadata: Message) -> None:
    """A wheel has the version that the package itself says."""
    assert sequencectl.__version__ == metadata["Version"]


def test_the_wheel_says_where_the_project_lives(metadata: Message) -> None:
    """Package indexes and people find documentation, source, changes and issues."""
    urls = dict(entry.split(", ", 1) for entry in metadata.get_all("Project-URL", []))

    assert ["Documentation", "Source", "Changelog", "Issues"] == list(urls)
    assert [] == [url for url in urls.values() if not url.startswith(HOME)]
