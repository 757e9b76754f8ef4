"""Mutate modules and count what the tests notice: ``python3 dev.py deep mutation [MODULE ...]``.

mutmut changes one small thing in one function, runs the tests that belong to the module, and goes
on to the next. How many are noticed is killed ÷ (killed + survived + no test): at least 95 % in
each module of the library, and 90 % in those of the examples together. Those that survive are
printed with their change, and with the reason why that is well if ``survivors.toml`` has one. A run
that was interrupted goes on where it was; ``--afresh`` begins anew, as does a change of the
library, the examples or the tests. mutmut passes over properties and other decorated functions,
and over what stands outside of functions: tables, enums, classes' fields.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = ("src", "tests", "examples")
COPIED: Final = (*SOURCES, "docs", "pyproject.toml", "README.md", "dev.py")
LEAST: Final = 0.95
LEAST_OF_EXAMPLES: Final = 0.90
EXAMPLES: Final = "examples"
REASONS: Final = Path(__file__).with_name("survivors.toml")

TESTS: Final[Mapping[str, tuple[str, ...]]] = {
    "durations": ("tests/test_durations.py",),
    "payload": ("tests/test_payload.py",),
    "commands": ("tests/test_commands.py", "tests/test_errors.py"),
    "_scalars": ("tests/test_commands.py", "tests/wire/test_strictness.py"),
    "shipyard/definitions": ("tests/test_shipyard.py",),
    "shipyard/__init__": ("tests/test_shipyard.py",),
    "shipyard/mapping": ("tests/test_shipyard.py",),
    "stage_queue": ("tests/test_stage_queue.py", "tests/test_admission.py"),
    "policies": ("tests/test_policies.py",),
    "cloudevents": ("tests/test_cloudevents.py",),
    "views": ("tests/test_views.py",),
    "_questions": (
        "tests/test_views.py", "tests/test_retries.py", "tests/test_parking.py",
        "tests/test_redrives.py", "tests/test_progress.py",
    ),
    "_persistent": ("tests/test_persistent.py",),
    "_scratch": ("tests/test_scratch.py",),
    "_index": (
        "tests/test_index.py", "tests/test_views.py", "tests/test_deadlines.py",
        "tests/test_admission.py", "tests/test_redrives.py",
    ),
    "_sequence/fold": (
        "tests/test_fold.py", "tests/test_tasks.py", "tests/test_machine.py",
        "tests/test_deadlines.py", "tests/test_retries.py", "tests/test_parking.py",
        "tests/test_progress.py", "tests/test_redrives.py",
    ),
    "_sequence/tasks": (
        "tests/test_tasks.py", "tests/test_deadlines.py", "tests/test_controls.py",
        "tests/test_machine.py", "tests/test_votes.py", "tests/test_yielding.py",
        "tests/test_retries.py", "tests/test_parking.py", "tests/test_progress.py",
        "tests/test_redrives.py",
    ),
    "_sequence/reports": (
        "tests/test_tasks.py", "tests/test_votes.py", "tests/test_progress.py",
    ),
    "_sequence/failures": ("tests/test_retries.py", "tests/test_parking.py"),
    "_sequence/votes": ("tests/test_votes.py",),
    "_sequence/endings": (
        "tests/test_controls.py", "tests/test_deadlines.py", "tests/test_machine.py",
        "tests/test_votes.py", "tests/test_yielding.py", "tests/test_admission.py",
        "tests/test_fold.py", "tests/test_tasks.py", "tests/test_parking.py",
        "tests/test_progress.py",
    ),
    "_project/admission": (
        "tests/test_admission.py", "tests/test_follow_ups.py", "tests/test_index.py",
        "tests/test_freezes.py", "tests/test_yielding.py", "tests/test_votes.py",
        "tests/test_redrives.py",
    ),
    "_project/redrives": ("tests/test_redrives.py",),
    "_project/freezes": ("tests/test_freezes.py", "tests/test_controls.py"),
    "_project/openings": ("tests/test_freezes.py",),
    "_project/controls": (
        "tests/test_controls.py", "tests/test_admission.py", "tests/test_follow_ups.py",
        "tests/test_freezes.py", "tests/test_yielding.py", "tests/test_parking.py",
    ),
    "_project/follow_ups": (
        "tests/test_follow_ups.py", "tests/test_controls.py", "tests/test_votes.py",
        "tests/test_yielding.py",
    ),
    "_sequence/life": (
        "tests/test_controls.py", "tests/test_deadlines.py", "tests/test_fold.py",
        "tests/test_tasks.py", "tests/test_votes.py", "tests/test_retries.py",
        "tests/test_parking.py",
    ),
    "_project/draft": (
        "tests/test_control_plane.py", "tests/test_deadlines.py", "tests/test_controls.py",
        "tests/test_follow_ups.py", "tests/test_freezes.py", "tests/test_yielding.py",
    ),
    "_project/fold": (
        "tests/test_evolution.py", "tests/test_control_plane.py", "tests/test_follow_ups.py",
        "tests/test_controls.py", "tests/test_freezes.py", "tests/test_yielding.py",
    ),
    "machine": (
        "tests/test_machine.py", "tests/test_parking.py", "tests/test_redrives.py",
        "tests/test_progress.py",
    ),
    "control_plane": (
        "tests/test_control_plane.py", "tests/test_deadlines.py", "tests/test_views.py",
        "tests/test_tasks.py", "tests/test_parking.py",
    ),
    "_protocol": ("tests/test_controller.py", "tests/test_batches.py"),
    "state": (
        "tests/test_evolution.py", "tests/test_admission.py", "tests/test_control_plane.py",
        "tests/test_controls.py", "tests/test_views.py", "tests/test_redrives.py",
    ),
    "_sequence/draft": ("tests/test_recorder.py",),
    "_sequence/rulebook": ("tests/test_rulebook.py",),
    "shipyard/yaml": ("tests/test_shipyard_yaml.py",),
    "serialization": (
        "tests/wire/test_consistency.py", "tests/wire/test_golden.py",
        "tests/wire/test_round_trip.py", "tests/wire/test_schemas.py",
        "tests/wire/test_sharing.py", "tests/wire/test_strictness.py",
    ),
    "_wire/encoding": (
        "tests/wire/test_golden.py", "tests/wire/test_round_trip.py", "tests/wire/test_sharing.py",
    ),
    "_wire/documents": (
        "tests/wire/test_documents.py", "tests/wire/test_schema_2.py",
        "tests/wire/test_schemas.py",
    ),
    "_wire/schema_2": ("tests/wire/test_golden.py", "tests/wire/test_schema_2.py"),
    "_wire/decoding": (
        "tests/wire/test_decoding.py", "tests/wire/test_sharing.py",
        "tests/wire/test_strictness.py",
    ),
    "_wire/grammar": (
        "tests/wire/test_decoding.py", "tests/wire/test_grammar.py",
        "tests/wire/test_strictness.py",
    ),
    "_wire/faults": ("tests/wire/test_consistency.py", "tests/wire/test_strictness.py"),
    "examples/controller/storage/states": (
        "tests/examples/controller/storage/test_states.py",
        "tests/examples/controller/storage/test_deliveries.py",
    ),
    "examples/controller/storage/deliveries": (
        "tests/examples/controller/storage/test_documents.py",
    ),
    "examples/controller/storage/cloudevents": (
        "tests/examples/controller/storage/test_cloudevents.py",
    ),
    "examples/controller/api/stream": ("tests/examples/controller/api/test_stream.py",),
    "examples/controller/storage/projects": (
        "tests/examples/controller/storage/test_projects.py",
        "tests/examples/controller/storage/test_replicas.py",
    ),
    "examples/controller/storage/journal": (
        "tests/examples/controller/storage/test_replicas.py",
        "tests/examples/controller/storage/test_journal_reader.py",
        "tests/examples/controller/storage/test_history.py",
    ),
    "examples/controller/storage/journal_reader": (
        "tests/examples/controller/storage/test_journal_reader.py",
        "tests/examples/controller/storage/test_history.py",
        "tests/examples/controller/storage/test_journal.py",
    ),
    "examples/controller/api/pages": ("tests/examples/controller/api/test_pages.py",),
    "examples/controller/api/sequences": ("tests/examples/controller/api/test_sequences.py",),
    "examples/controller/api/projects": (
        "tests/examples/controller/api/test_projects.py",
        "tests/examples/controller/api/test_stages.py",
        "tests/examples/controller/api/test_evaluations.py",
    ),
    "examples/controller/api/events": (
        "tests/examples/controller/api/test_events.py",
        "tests/examples/controller/api/test_open_tasks.py",
        "tests/examples/controller/api/test_conversation.py",
    ),
    "examples/controller/api/evaluations": (
        "tests/examples/controller/api/test_evaluations.py",
    ),
    "examples/controller/storage/newest": ("tests/examples/controller/storage/test_newest.py",),
    "examples/controller/api/reading": (
        "tests/examples/controller/api/test_fields.py",
        "tests/examples/controller/api/test_reading.py",
    ),
    "examples/controller/api/answers": (
        "tests/examples/controller/api/test_answers.py",
        "tests/examples/controller/api/test_refusals.py",
    ),
    "examples/controller/api/door": (
        "tests/examples/controller/api/test_door.py",
        "tests/examples/controller/api/test_sentences.py",
    ),
    "examples/controller/host": (
        "tests/examples/controller/test_loop.py", "tests/examples/controller/test_questions.py",
        "tests/examples/controller/storage/test_folder.py",
        "tests/examples/controller/test_start_errors.py",
    ),
    "examples/controller/storage/backend": (
        "tests/examples/controller/test_loop.py",
        "tests/examples/controller/storage/test_folder.py",
    ),
    "examples/controller/storage/shared": (
        "tests/examples/controller/storage/test_shared.py",
    ),
    "examples/postgres/database": (
        "tests/examples/postgres/test_database.py",
        "tests/examples/controller/storage/test_replicas.py",
    ),
    "examples/controller/storage/folder": (
        "tests/examples/controller/storage/test_folder.py",
    ),
    "examples/controller/api/uniform": ("tests/examples/controller/api/test_uniform.py",),
    "examples/controller/storage/uniform": (
        "tests/examples/controller/storage/test_replicas.py",
        "tests/examples/controller/storage/test_uniform.py",
        "tests/examples/controller/api/test_uniform.py",
    ),
    "examples/controller/webhooks": ("tests/examples/controller/test_webhooks.py",),
    "examples/stores/errors": ("tests/examples/stores/test_sqlite_bad_input.py",),
    "examples/stores/database": (
        "tests/examples/stores/test_database.py", "tests/examples/stores/test_opening.py",
        "tests/examples/stores/test_sqlite.py",
        "tests/examples/stores/test_sqlite_bad_input.py",
    ),
    "examples/stores/sqlite": (
        "tests/examples/stores/test_sqlite.py", "tests/examples/stores/test_sqlite_bad_input.py",
        "tests/examples/stores/test_side_by_side.py", "tests/examples/stores/test_conformance.py",
    ),
    "examples/stores/event_log": (
        "tests/examples/stores/test_event_log.py", "tests/examples/stores/test_side_by_side.py",
        "tests/examples/stores/test_conformance.py",
    ),
    "examples/stores/snapshot_file": (
        "tests/examples/stores/test_snapshot_file.py",
        "tests/examples/stores/test_side_by_side.py", "tests/examples/stores/test_conformance.py",
    ),
}  # fmt: skip
"""Modules of the library, those without side effects, and of the examples, the latter by their
path; and the tests that belong to each."""

DEEPER: Final = "\n__import__('sys').setrecursionlimit(4_000)\n"
"""Of what mutmut mutates, it calls each function by way of three of its own."""

NOT_FOUND: Final = "BadTestExecutionCommandsException"
"""What mutmut says, if it says all, when pytest does not find a test by an id that it listed (one
with escapes, for instance). mutmut takes that for a mutant killed, each time."""

SQL_REASON: Final = "SQL does not tell upper case from lower case"
"""What holds of too many survivors to list them one by one."""

_SQL: Final = re.compile(r"\b(SELECT|INSERT|REPLACE|UPDATE|DELETE|PRAGMA|FROM)\b")
_WORDS: Final = {0: "survived", 1: "killed", 3: "killed", 5: "no test", 33: "no test"}
_COUNTED: Final = ("killed", "survived", "no test")


@attrs.frozen
class Result:
    """What came of the mutants of a module, by their names."""

    module: str
    words: Mapping[str, str]

    @property
    def ratio(self) -> float:
        """The share of what was noticed; 1 if there was nothing to notice."""
        count = Counter(self.words.values())
        counted = sum(count[word] for word in _COUNTED)
        return count["killed"] / counted if counted else 1.0

    @property
    def is_complete(self) -> bool:
        """Whether every mutant was tried."""
        return "not tried" not in self.words.values()

    def __str__(self) -> str:
        count = Counter(self.words.values())
        parts = ", ".join(f"{number} {word}" for word, number in count.most_common())
        return f"{self.module:14}{self.ratio:7.1%}   {parts}"

    def survivors(self) -> list[str]:
        """The names of those that nothing noticed."""
        return [name for name, word in self.words.items() if word in _COUNTED[1:]]


def is_example(module: str) -> bool:
    """Whether a module of the table is of the examples; the others are of the library."""
    return module.startswith(f"{EXAMPLES}/")


def file_of(module: str) -> str:
    """Return the path of a module of the table in the repository."""
    return f"{module}.py" if is_example(module) else f"src/sequencectl/{module}.py"


def read_result(module: str, meta: Mapping[str, object]) -> Result:
    """What mutmut noted of a module: the exit status of pytest by mutant, null if not tried."""
    statuses = meta["exit_code_by_key"]
    assert isinstance(statuses, dict)
    words = {
        name: "not tried" if status is None else _WORDS.get(status, f"status {status}")
        for name, status in statuses.items()
    }
    return Result(module, words)


def of_examples(results: Sequence[Result]) -> Result:
    """What came of the examples, as of one module."""
    words = [result.words for result in results if is_example(result.module)]
    return Result(EXAMPLES, {name: word for each in words for name, word in each.items()})


def is_enough(results: Sequence[Result]) -> bool:
    """Whether enough was noticed in each module of the library, and in the examples together."""
    own = [result for result in results if not is_example(result.module)]
    enough = all(result.ratio >= LEAST for result in own)
    return enough and of_examples(results).ratio >= LEAST_OF_EXAMPLES


def digest(root: Path) -> str:
    """What stands for library, examples and tests: another one, other results."""
    files = sorted(file for name in SOURCES for file in (root / name).rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def settings(module: str, tests: Sequence[str]) -> str:
    """What mutmut is told about a module, below what ``pyproject.toml`` tells it of all.

    With ``debug`` it says all, so that `NOT_FOUND` is seen.
    """
    wanted = {
        "only_mutate": [file_of(module)],
        "pytest_add_cli_args_test_selection": list(tests),
        "debug": True,
    }
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in wanted.items())


def prepare(module: str, folder: Path, root: Path) -> None:
    """Make a copy in which mutmut may work, unless there is one of the same sources."""
    stamp, wanted = folder / "stamp", digest(root)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in COPIED:
        if (root / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "_build", ".*")
            shutil.copytree(root / name, folder / name, ignore=ignored)
        else:
            shutil.copy2(root / name, folder / name)
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(settings(module, TESTS[module]))
    with (folder / "tests" / "conftest.py").open("a", encoding="utf-8") as file:
        file.write(DEEPER)
    stamp.write_text(wanted, encoding="utf-8")


def mutmut(folder: Path, *arguments: str) -> str:
    """Run mutmut in a copy and return what it says, which is in the terminal as well if it runs."""
    environment = {key: text for key, text in os.environ.items() if key != "PYTEST_ADDOPTS"}
    environment |= {"HYPOTHESIS_PROFILE": "mutation", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def change_of(folder: Path, name: str) -> str:
    """The lines that a mutant takes out and puts in, without those around them."""
    lines = mutmut(folder, "show", name).splitlines()
    changed = [line for line in lines if line[:1] in {"-", "+"} and line[:3] not in {"---", "+++"}]
    return "\n".join(" ".join((line[0], line[1:].strip())) for line in changed)


def run_module(module: str, folder: Path, root: Path, *, children: int) -> Result | str:
    """Mutate a module and return what came of it, or what mutmut said if nothing did."""
    prepare(module, folder, root)
    said = mutmut(folder, "run", "--max-children", str(children))
    if NOT_FOUND in said:
        shutil.rmtree(folder)
        return f"pytest does not find a test by its id: {said[-2_000:]}"
    meta = folder / "mutants" / f"{file_of(module)}.meta"
    if not meta.is_file():
        return said[-2_000:]
    result = read_result(module, json.loads(meta.read_text(encoding="utf-8")))
    return result if result.words and result.is_complete else said[-2_000:]


def reasons() -> dict[str, dict[str, str]]:
    """Why a survivor is well, by module and change."""
    survivors = tomllib.loads(REASONS.read_text(encoding="utf-8"))["survivor"]
    found: dict[str, dict[str, str]] = {}
    for survivor in survivors:
        found.setdefault(survivor["module"], {})[survivor["change"].strip()] = survivor["reason"]
    return found


def is_sql_in_other_letters(change: str) -> bool:
    """Whether a change is one of upper and lower case alone, in a statement of SQL."""
    lines = [line[2:] for line in change.splitlines()]
    is_same = len(lines) == 2 and lines[0].lower() == lines[1].lower()
    return is_same and _SQL.search(lines[0]) is not None


def told(result: Result, folder: Path, known: Mapping[str, str]) -> Iterator[str]:
    """A line about a module, and a few about each survivor."""
    yield str(result)
    for name in result.survivors():
        change = change_of(folder, name)
        yield f"  {name}: {result.words[name]}"
        yield from (f"    {line}" for line in change.splitlines())
        every = SQL_REASON if is_sql_in_other_letters(change) else "WITHOUT A REASON"
        yield f"    {known.get(change, every)}"


def main(arguments: Sequence[str], *, root: Path = ROOT) -> int:
    """Run the command line: 1 if a module could not be run or too much survived, 2 for usage."""
    parser = argparse.ArgumentParser("dev.py deep mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(TESTS))
    parser.add_argument("--children", type=int, default=1, help="how many tests run at once")
    parser.add_argument("--afresh", action="store_true", help="forget what was tried before")
    options = parser.parse_args(arguments)
    unknown = set(options.modules) - TESTS.keys()
    if unknown:
        parser.error(f"no such module in the table: {', '.join(sorted(unknown))}")
    failed, results = False, list[Result]()
    for module in options.modules or TESTS:
        folder = root / "build" / "mutation" / module
        if options.afresh:
            shutil.rmtree(folder, ignore_errors=True)
        result = run_module(module, folder, root, children=options.children)
        if isinstance(result, str):
            print(f"{module:14} could not be run:\n{result}", flush=True)
            failed = True
            continue
        for line in told(result, folder, reasons().get(module, {})):
            print(line, flush=True)
        results.append(result)
    if (together := of_examples(results)).words:
        print(together, flush=True)
    return 0 if is_enough(results) and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
