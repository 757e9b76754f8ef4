"""Run basedpyright, strict, as ``python3 dev.py types`` does after mypy.

It reads the programs in this folder as a host's code, then all that a host can import, of which
every type must be known. `sequencectl.testing` is left out of that: its helpers are not all typed.
Exit status: 1 if anything is found.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_CHECKER: Final = ("-m", "basedpyright")
_PACKAGE: Final = ("--verifytypes", "sequencectl", "--ignoreexternal", "--outputjson")


def main() -> int:
    """Print what is found and return the exit status."""
    programs = _run("--pythonpath", sys.executable)
    print(programs.stdout.strip())
    package = _run(*_PACKAGE)
    symbols = json.loads(package.stdout)["typeCompleteness"]["symbols"]
    unknown = [
        symbol
        for symbol in symbols
        if not symbol["isTypeKnown"] and not symbol["name"].startswith("sequencectl.testing.")
    ]
    for symbol in unknown:
        said = "; ".join(each["message"] for each in symbol["diagnostics"])
        print(f"{symbol['name']}: not completely typed. {said}")
    print(f"{len(symbols)} names of sequencectl, {len(unknown)} not completely typed")
    return 1 if programs.returncode or unknown else 0


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run basedpyright; it asks the first python of the path where packages are."""
    programs = str(Path(sys.executable).parent)
    path = os.pathsep.join([programs, os.environ.get("PATH", "")])
    return subprocess.run(
        [sys.executable, *_CHECKER, *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
