"""The controller as a package: built, installed beside nothing of this repository, and started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.controller.process import PATIENCE, ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the package was installed."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
    subprocess.run(
        [*pip, "--no-build-isolation", "--target", str(folder), "./examples/controller"],
        cwd=ROOT, check=True, capture_output=True, timeout=2 * PATIENCE,
    )  # fmt: skip
    return folder


@pytest.mark.parametrize("name", ["controller", "executor", "cli"])
def test_an_installed_program_starts(installed: Path, name: str) -> None:
    """Each script says what it is for; nothing of the clone is in reach."""
    done = subprocess.run(
        [str(installed / "bin" / f"sequencectl-{name}"), "--help"],
        cwd=installed.parent,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert "usage" in done.stdout.lower()


def test_what_is_installed_is_of_its_own(installed: Path) -> None:
    """The modules come from the folder of the installation."""
    program = "import examples.controller.app as app; print(app.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=installed.parent,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )

    assert done.stdout.startswith(str(installed))
