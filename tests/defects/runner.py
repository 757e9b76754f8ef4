"""Seeds a defect in a copy of the tree and runs the test that must notice it.

The working tree is never touched. A copy's own ``src`` goes first on the path, so it wins over the
editable install, which is checked before anything is believed.
"""

import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

COPIED = (
    "src", "tests", "examples", "docs", "requirements",
    "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "dev.py",
)  # fmt: skip
NOT_COPIED = shutil.ignore_patterns("__pycache__", "_build", ".*")
NAIVE_MODEL = "tests/properties/test_naive_model.py"
EXPLORATION = "tests/exploration/test_slices.py"
CLAIMS = ("naive_model", "exploration")
SECONDS_PER_TEST = 600

TESTS_FAILED = 1
NO_END = 124
_STATUSES = {
    0: "the tests passed",
    2: "pytest was interrupted: the tree no longer imports",
    3: "pytest had an internal error",
    4: "pytest finds no such test: it is gone, or the tree no longer imports",
    5: "pytest collected no test",
    NO_END: f"no end after {SECONDS_PER_TEST} s",
}


class MalformedDefectError(Exception):
    """A defect file that cannot be run; names the file and what is wrong with it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path.name}: {problem}")


@attrs.frozen
class Defect:
    """One way to break the repository, and the tests, or else the program, that must notice.

    `only` is the name of the layer that is the only one to notice (see ``layers``).
    """

    name: str
    rule: str
    title: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    run: tuple[str, ...]
    only: str | None
    naive_model: bool | None
    exploration: bool | None


@attrs.frozen
class Verdict:
    """Whether a defect was caught, after how long, and if not, why not and what pytest said."""

    defect: Defect
    seconds: float
    reason: str = ""
    output: str = ""

    @property
    def is_caught(self) -> bool:
        """True if every test that was to fail did fail."""
        return not self.reason


def read_defect(path: Path, root: Path) -> Defect:
    """Read a defect file and check it against the tree; raises MalformedDefectError."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise MalformedDefectError(path, str(error)) from error
    problem = _problem_in(fields) or _problem_with_text(fields, root)
    if problem:
        raise MalformedDefectError(path, problem)
    tests = fields.pop("test", [])
    return Defect(
        name=path.stem,
        tests=(tests,) if isinstance(tests, str) else tuple(tests),
        run=tuple(fields.pop("run", ())),
        only=fields.pop("only", None),
        **{claim: fields.pop(claim, None) for claim in CLAIMS},
        **fields,
    )


def _problem_in(fields: dict[str, Any]) -> str:
    texts = ("rule", "title", "file", "old", "new")
    by = [key for key in ("test", "run") if key in fields]
    missing = [key for key in texts if key not in fields] + ([] if by else ["test"])
    unknown = sorted(fields.keys() - {*texts, "test", "run", "only", *CLAIMS})
    if missing or unknown:
        return "; ".join(
            [f"missing key {key}" for key in missing] + [f"unknown key {key}" for key in unknown]
        )
    if len(by) > 1:
        return "either test or run, not both"
    wrong = [key for key in texts if not isinstance(fields[key], str)]
    given = fields[by[0]]
    words = [given] if by == ["test"] and isinstance(given, str) else given
    if not _are_texts(words):
        wrong += by
    wrong += [claim for claim in CLAIMS if not isinstance(fields.get(claim, True), bool)]
    wrong += [] if isinstance(fields.get("only", ""), str) else ["only"]
    if wrong:
        return f"wrong type or empty: {', '.join(wrong)}"
    return "old and new are the same" if fields["old"] == fields["new"] else ""


def _are_texts(given: object) -> bool:
    return isinstance(given, list) and bool(given) and all(isinstance(x, str) and x for x in given)


def _problem_with_text(fields: dict[str, Any], root: Path) -> str:
    path = root / fields["file"]
    if not path.is_file():
        return f"there is no file {fields['file']}"
    count = path.read_text(encoding="utf-8").count(fields["old"])
    return "" if count == 1 else f"old occurs {count} times in {fields['file']}, not once"


@contextmanager
def copy_of(root: Path, *defects: Defect) -> Iterator[Path]:
    """A throw-away copy of the tree, with these defects in it."""
    with TemporaryDirectory(prefix="sequencectl-defect-") as folder:
        # Resolved: the tests compare paths, and a temporary folder may lie behind a link.
        copy = Path(folder).resolve()
        for name in COPIED:
            if (root / name).is_dir():
                shutil.copytree(root / name, copy / name, ignore=NOT_COPIED)
            elif (root / name).exists():
                shutil.copy2(root / name, copy / name)
        for defect in defects:
            path = copy / defect.file
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(defect.old, defect.new), encoding="utf-8")
        yield copy


def environment_of(copy: Path, **settings: str) -> dict[str, str]:
    """The environment in which the copy's own library comes first, and nothing is left behind."""
    inherited = {key: text for key, text in os.environ.items() if key != "PYTEST_ADDOPTS"}
    return {
        **inherited,
        "PYTHONPATH": str(copy / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
        **settings,
    }


def run_python(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy, with the copy's own library and the same examples every time."""
    command = [sys.executable, *arguments]
    environment = environment_of(copy, HYPOTHESIS_PROFILE="defects")
    try:
        return subprocess.run(
            command,
            cwd=copy,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS_PER_TEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, NO_END, stdout="")


def run_tests(copy: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run these tests alone, in one process, up to the first failure."""
    return run_python(copy, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests)


def baseline_problem(root: Path, tests: Sequence[str], runs: Iterable[tuple[str, ...]] = ()) -> str:
    """Why nothing can be learnt from these on this tree; empty if all pass on a copy."""
    with copy_of(root) as copy:
        seen = run_python(copy, "-c", "import sequencectl; print(sequencectl.__file__)")
        imported = Path(seen.stdout.strip())
        if seen.returncode != 0 or not imported.is_relative_to(copy / "src"):
            return f"the copy does not import its own library but:\n{seen.stdout}"
        if tests and (done := run_tests(copy, tests)).returncode:
            return f"the tests do not pass on the unchanged tree:\n{done.stdout}"
        for run in runs:
            if (done := run_python(copy, *run)).returncode:
                return f"{' '.join(run)} fails on the unchanged tree:\n{done.stdout}"
    return ""


def seed(root: Path, defect: Defect, tests: Sequence[str]) -> Verdict:
    """Seed one defect in a copy and see whether each of the tests, or else its `run`, fails there.

    Only status 1 counts, of pytest as of others: a tree that no longer imports shows nothing.
    """
    begin = time.perf_counter()
    reason = output = ""
    with copy_of(root, defect) as copy:
        for test in tests or (" ".join(defect.run),):
            done = run_tests(copy, [test]) if tests else run_python(copy, *defect.run)
            if done.returncode != TESTS_FAILED:
                status = _STATUSES.get(done.returncode, f"exit status {done.returncode}")
                reason, output = f"{test}: {status}", done.stdout
                break
    return Verdict(defect, time.perf_counter() - begin, reason, output)
