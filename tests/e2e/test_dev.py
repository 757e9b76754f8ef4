"""The bootstrap ``dev.py``: what a person may type, what a machine may lack, how a job ends."""

import ast
import contextlib
import importlib
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
dev: Any = importlib.import_module("dev")  # Any: it has no annotations, see there
run = dev.run  # the real one, where a fixture records instead
DEEP = "deep needs one of: budget, exploration, fuzz, hypothesis, mutation, simulation"
OLD_PYTHONS = ("python2.7", "python3.6", "python3.7", "python3.8", "python3.9", "python3.10")


def old_pythons() -> Iterator[str]:
    """The Pythons of this machine that are too old for the library."""
    kept_by_pyenv = sorted(Path.home().glob(".pyenv/versions/*/bin"))
    path = os.pathsep.join([*map(str, kept_by_pyenv), os.environ.get("PATH", "")])
    for name in OLD_PYTHONS:
        if found := shutil.which(name, path=path):
            yield found


def newer_than_python_2(source: str) -> set[str]:
    """The constructs of a source that Python 2.7 cannot parse."""
    found = set()
    if not source.isascii():
        found.add("not ASCII")
    for node in ast.walk(ast.parse(source, feature_version=(3, 6))):
        match node:
            case ast.JoinedStr():
                found.add("f-string")
            case ast.AnnAssign() | ast.arg(annotation=ast.expr()):
                found.add("annotation")
            case ast.FunctionDef(returns=ast.expr()):
                found.add("annotation")
            case ast.Nonlocal() | ast.AsyncFunctionDef() | ast.YieldFrom():
                found.add("keyword of Python 3")
            case ast.arguments(kwonlyargs=[_, *_]):
                found.add("keyword-only argument")
            case ast.Raise(cause=ast.expr()):
                found.add("raise from")
            case ast.List() | ast.Tuple() | ast.Set() if any(
                isinstance(element, ast.Starred) for element in node.elts
            ):
                found.add("unpacking in a display")
            case ast.Call(args=[*before, _]) if any(
                isinstance(argument, ast.Starred) for argument in before
            ):
                found.add("argument after *arguments")
            case ast.Call(func=ast.Name(id="print")):
                found.add("print with arguments of its own")
            case _:
                pass
    return found


# What a person may type.


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were run, each of which passed, in place of running any."""
    commands: list[list[str]] = []

    def record(command: list[str]) -> int:
        commands.append([Path(command[0]).name, *command[1:]])
        return 0

    monkeypatch.setattr(dev, "run", record)
    monkeypatch.setattr(dev, "set_up", lambda _name, _layers: None)
    return commands


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "a verb is missing"),
        (["tset"], "no such verb: tset"),
        (["lint", "src"], "lint takes no arguments"),
        (["deep"], DEEP),
        (["deep", "sea"], DEEP),
    ],
)
def test_wrong_usage_is_explained_and_exits_2(
    arguments: list[str], sentence: str, ran: list[list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    """What makes no sense gives status 2 and the usage on stderr, nothing on stdout."""
    status = dev.main(arguments)

    out, err = capfd.readouterr()
    assert (2, [], "") == (status, ran, out)
    assert err.splitlines()[:2] == [
        f"dev.py: {sentence}",
        "usage: python3 dev.py VERB [-- ARGUMENTS]",
    ]
    assert [] == [verb for verb in dev.VERBS if f"\n  {verb} " not in err]


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("demo --speed max -- x", "python -m examples.demo --speed max -- x"),
        ("demo -- --seed 3", "python -m examples.demo --seed 3"),
        ("test -- -k queue --", "python -m pytest -k queue --"),
        ("bench --smoke", "python -m tests.bench --smoke"),
        ("peers --rounds 2", "python -m tests.bench.peers --rounds 2"),
        ("defects R1 --naive", "python -m tests.defects R1 --naive"),
        ("fuzz --seed 7", "python -m tests.fuzz --seed 7"),
        ("fuzz-api --seed 7", "python -m tests.fuzz_api --seed 7"),
        ("deep fuzz --seconds 60", "python -m tests.fuzz.guided --seconds 60"),
        ("deep budget wire --together", "python -m tests.defects.budget wire --together"),
        ("deep mutation payload", "python -m tests.mutation payload"),
        ("explore --limit 9", "python -m tests.exploration --limit 9"),
        ("deep exploration requests", "python -m tests.exploration --deep requests"),
        ("deep hypothesis -x", "python -m pytest --hypothesis-profile=deep tests/properties -x"),
        (
            "deep simulation --faults race",
            "python -m sequencectl.testing.simulation --seeds=100000 --faults race",
        ),
        (
            "demo --serve --port 0",
            "python -m examples.controller.demo --until-stdin-closes --port 0",
        ),
        ("simulate --seed 7", "python -m sequencectl.testing.simulation --seed 7"),
    ],
)
def test_arguments_are_handed_on(typed: str, command: str, ran: list[list[str]]) -> None:
    """A verb's arguments reach its job in order, without the first double dash."""
    status = dev.main(typed.split())

    assert (0, [command.split()]) == (status, ran)


def test_the_peers_take_no_part_in_the_resolution(ran: list[list[str]]) -> None:
    """What is measured beside the package follows the other layers and decides none of them."""
    dev.main(["lock"])

    resolution, *cuts = ran
    assert "requirements/peers.in" not in resolution
    assert "requirements/peers.in" == cuts[-1][-1]
    assert all("--constraint" in cut for cut in cuts)


def test_only_writing_needs_what_draws(
    ran: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What draws the picture of the documentation is installed when that is asked for."""
    wanted: list[tuple[str, ...]] = []
    monkeypatch.setattr(dev, "set_up", lambda _name, layers: wanted.append(layers))

    for typed in ("bench", "bench growth --write", "demo --write"):
        dev.main(typed.split())
    bench, writing, demo = wanted

    assert (*bench, "bench") == writing
    assert "bench" not in (*bench, *demo)
    assert 3 == len(ran)


@pytest.mark.parametrize("name", ["fuzz", "mutation"])
def test_what_only_digs_deep_is_installed_for_that_alone(
    name: str, ran: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fuzzer and the mutator have a layer each, which no other verb needs."""
    wanted: list[tuple[str, ...]] = []
    monkeypatch.setattr(dev, "set_up", lambda _name, layers: wanted.append(layers))

    for typed in ("deep hypothesis", f"deep {name}", "fuzz"):
        dev.main(typed.split())
    hypothesis, deep, fuzz = wanted

    assert (*hypothesis, name) == deep
    assert hypothesis == fuzz


@pytest.mark.parametrize("typed", ["test", "test --"])
def test_only_a_full_test_run_measures_coverage(typed: str, ran: list[list[str]]) -> None:
    """Without arguments all tests run, and less than full branch coverage is a failure."""
    dev.main(typed.split())
    dev.main([*typed.split(), "-x"] if typed.endswith("--") else [*typed.split(), "--", "-x"])

    assert "--cov-fail-under=100" in ran[0]
    assert ["python", "-m", "pytest", "-x"] == ran[1]


@pytest.mark.parametrize(
    ("statuses", "exit_status", "count"),
    [([0, 0, 0], 0, 3), ([0, 5, 1], 5, 3), ([1, 130], 1, 2), ([130], 130, 1)],
)
def test_every_command_of_a_job_runs_unless_a_signal_ends_one(
    statuses: list[int], exit_status: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first failure is the job's status, and a signal is the person's wish to stop."""
    answers = iter(statuses)
    monkeypatch.setattr(dev, "run", lambda _command: next(answers))

    status = dev.run_all([["ruff"], ["ruff"], ["lint-imports"]])

    assert (exit_status, count) == (status, len(statuses) - len(list(answers)))


# What a machine may lack.


def test_dev_py_parses_on_python_2() -> None:
    """The source has nothing that would be a syntax error before it can speak."""
    assert set() == newer_than_python_2((ROOT / "dev.py").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "source",
    [
        "# é",
        "f'{x}'",
        "x: int = 1",
        "def f(x: int): pass",
        "def f() -> int: pass",
        "def f(*, x): pass",
        "def f():\n x = 1\n def g():\n  nonlocal x",
        "raise A from b",
        "[*a]",
        "f(*a, b)",
        "print(1, 2)",
    ],
)
def test_what_python_2_cannot_parse_is_found(source: str) -> None:
    """The test above can fail."""
    assert 1 == len(newer_than_python_2(source))


@pytest.mark.parametrize("python", list(old_pythons()))
def test_an_old_python_is_told_so(python: str) -> None:
    """A Python that is too old gets one sentence and status 3, not a syntax error."""
    done = subprocess.run(
        [python, "dev.py", "test"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert 3 == done.returncode
    assert "" == done.stdout
    assert done.stderr.startswith("dev.py: needs Python >= 3.11, this is ")
    assert 1 == done.stderr.count("\n")


def test_a_python_older_than_needed_is_named(
    ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The sentence names the version that is needed and the one there is."""
    monkeypatch.setattr(dev, "OLDEST", (99, 1))

    status = dev.main(["lint"])

    this = ".".join(map(str, sys.version_info[:3]))
    assert (3, []) == (status, ran)
    assert capfd.readouterr().err == (
        f"dev.py: needs Python >= 99.1, this is {this} ({sys.executable})\n"
    )


def test_a_python_without_venv_is_told_what_to_install(
    ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Debian ships venv's ensurepip apart: its absence names the package to install."""
    monkeypatch.setitem(sys.modules, "ensurepip", None)

    status = dev.main(["lint"])

    assert (3, []) == (status, ran)
    assert "lacks the module ensurepip; on Debian, install python3-venv" in capfd.readouterr().err


# Running.


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(7)", 7),
        ("pass", 0),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
    ],
)
def test_the_exit_status_is_the_jobs_own(code: str, status: int) -> None:
    """A status is handed on, and a death by signal n reads 128+n, as in a shell."""
    assert status == dev.run([sys.executable, "-c", code])


def test_a_program_that_is_gone_is_a_missing_part(
    ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What cannot be started gives status 3 and says what helps."""
    monkeypatch.setattr(dev, "run", run)
    monkeypatch.setattr(dev, "PROGRAMS", "nowhere")

    status = dev.main(["bench"])

    assert (3, []) == (status, ran)
    assert "cannot run nowhere/python" in capfd.readouterr().err


JOB = """
import signal, sys, time
try:
    print("ready", flush=True)
    signal.pause()
except KeyboardInterrupt:
    print("cursor restored", flush=True)
    sys.exit(130)
"""


@pytest.mark.parametrize(
    ("to_all", "number", "status", "last_words"),
    [
        (True, signal.SIGINT, 130, "cursor restored\n"),
        (False, signal.SIGTERM, 128 + signal.SIGTERM, ""),
    ],
)
def test_an_interrupted_job_has_the_last_word(
    to_all: bool, number: signal.Signals, status: int, last_words: str
) -> None:
    """Ctrl-C goes to all, and dev.py awaits the job's answer; SIGTERM to dev.py ends the job."""
    parent = f"import sys, dev; sys.exit(dev.run([sys.executable, '-c', {JOB!r}]))"
    with subprocess.Popen(
        [sys.executable, "-c", parent],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        try:
            assert child.stdout is not None
            ready = child.stdout.readline()
            (os.killpg if to_all else os.kill)(child.pid, number)
            out, err = child.communicate(timeout=60)
        finally:
            with contextlib.suppress(ProcessLookupError):  # what ended as it should is gone
                os.killpg(child.pid, signal.SIGKILL)

    assert "ready\n" == ready
    assert (status, last_words, "") == (child.returncode, out, err)


WAITS = """
import sys
print("ready", flush=True)
sys.stdin.read()
print("ended", flush=True)
"""


def test_a_job_that_lives_until_stdin_closes_does_not_outlive_a_kill() -> None:
    """Nobody can end it in order then; the system closes the pipe."""
    job = f"[sys.executable, '-c', {WAITS!r}, '--until-stdin-closes']"
    with subprocess.Popen(
        [sys.executable, "-c", f"import sys, dev; dev.run({job})"],
        cwd=ROOT,
        stdin=subprocess.PIPE,  # open to the end: what closes is another one
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        ready = parent.stdout.readline()
        parent.kill()
        has_ended, _, _ = select.select([parent.stdout], [], [], 60)
        last_words = parent.stdout.readline() if has_ended else ""

    assert ("ready\n", "ended\n") == (ready, last_words)
