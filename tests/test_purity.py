"""The core has no side effects: no clock, no file, no socket, no process, no logger."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

import sequencectl

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = Path(sequencectl.__file__).parent
# the package `testing` is for tests: it has threads, chance and a loop
SOURCES: Final = [
    path.relative_to(PACKAGE)
    for path in sorted(PACKAGE.rglob("*.py"))
    if "testing" not in path.parts
]
IMPURE: Final = {
    "asyncio", "concurrent", "contextvars", "ctypes", "getpass", "glob", "io", "locale", "logging",
    "multiprocessing", "os", "pathlib", "platform", "queue", "random", "sched", "secrets", "select",
    "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "syslog",
    "tempfile", "threading", "time", "urllib", "uuid", "warnings", "zoneinfo",
}  # fmt: skip
RUN_TIME: Final = {"attrs", "cattrs", "rpds", "transitions"}
ASKS_THE_CLOCK_PORT: Final = {Path("controller.py")}
MAKES_FUNCTIONS: Final = {Path("_wire/encoding.py"), Path("_scratch.py")}
PERMITTED: Final = {
    Path("shipyard/yaml.py"): {"ruamel"},
    Path("_turns.py"): {"asyncio", "threading"},
}

PLAY: Final = """
import datetime as module
import sys
from itertools import count

real = module.datetime

class Clockless(real):
    @classmethod
    def now(cls, tz=None):
        raise AssertionError("somebody asked for the time")
    utcnow = today = now

module.datetime = Clockless

import sequencectl as s
from sequencectl.events import TaskTriggered

FORBIDDEN = ("open", "socket.", "subprocess.", "os.", "shutil.", "tempfile.", "sqlite3.",
             "time.", "glob.", "pathlib.", "urllib.", "import", "exec", "compile", "signal.",
             "_thread.", "ctypes.", "marshal.", "pty.", "fcntl.")

def listen(event, arguments):
    if listening and event.startswith(FORBIDDEN):
        raise AssertionError(f"audited: {event} {arguments}")

listening = False
sys.addaudithook(listen)
clock = count()
happened = set()
start = Clockless(2026, 1, 1, 9, tzinfo=module.timezone.utc)


def play(world):
    shipyard = s.Shipyard.of(world)
    shipyard.findings()
    plane = s.ControlPlane(
        shipyard,
        timeouts=s.TimeoutPolicy(reaction="5m", total="2h", waiting="5m", abort_grace="1m",
                                 clock_skew="1m"),
        queueing=s.QueuePolicy(stages={"prod": s.QueuePolicy(mode="latest_only"),
                                       "qa": s.QueuePolicy(limit=2, scope="service")}),
        bounds=s.Bounds(retain=5, remember=10, sources=3, max_depth=1),
    )
    state = plane.initial("sockshop")
    decided = 0
    for number in range(60):
        context = f"c{number}"
        commands = [
            s.TriggerSequence(context, stage="dev", sequence="delivery", service="carts",
                              data={"labels": {"n": number}, "list": [number]}),
            s.TriggerSequence(f"p{number}", stage="prod", sequence="delivery", context=context),
            s.TriggerSequence(f"q{number}", stage="qa", sequence="evaluation", context=context),
            s.PauseSequence(context, actor="ann", reason="why", request_id=f"r{number}"),
            s.ResumeSequence(context, stage="dev"),
            s.FreezeStage("dev"),
            s.UnfreezeStage("dev"),
            *((s.ResumeSequence(context),) if number % 7 else ()),
            *((s.AbortSequence(context, force=number % 2 == 0),) if number % 5 == 0 else ()),
            s.AbortSequence(f"c{number - 6}"),
            s.CheckDeadlines(),
        ]
        for task in plane.open_tasks(state):
            str(task)
            asked = task.triggered
            result = ("pass", "warning", "fail")[number % 4 % 3]
            if number % 10 == 9:  # nobody answers, and ten minutes pass
                continue
            commands.append(asked.started(source="x"))
            if number % 4 == 1:
                commands.append(s.PauseSequence(asked.subject.context))
            commands.append(asked.finished(source="x", data={"list": [1]}, result=result))
            commands.append(asked.finished(source="y", result="pass"))
            if number % 4 == 1:
                commands.append(s.ResumeSequence(asked.subject.context))
        for command in commands:
            at = start + module.timedelta(seconds=3 * next(clock), minutes=number // 10 * 10)
            decision = plane.decide(state, command, at)
            for event in decision.events:
                state = s.evolve(state, event)
            assert state == decision.state
            decided += 1
            for known in state.sequences:
                str(plane.explain(state, known))
                str(plane.delivery(state, state.sequence(known).context))
            repr(decision), hash(decision.command), decision.changed, decision.removed
            s.combine(decision, plane.decide(state, s.CheckDeadlines(), at))
            happened.update(type(event) for event in decision.events)
    assert state == state.rebuilt()
    return decided, state


WORLD = {
    "dev": {"delivery": ["deploy", {"name": "test", "triggeredAfter": "30s", "expects": ["x"]}]},
    "qa": {"delivery": {"tasks": ["check"], "triggeredOn": ["dev.delivery.finished"]}},
    "more": {"delivery": {"tasks": ["a"], "triggeredOn": ["qa.delivery.finished"]}},
    "prod": {"delivery": ["deploy"], "rollback": {"tasks": ["undo"], "priority": 5, "triggeredOn": [
        {"event": "prod.delivery.finished", "selector": {"match": {"result": "fail"}}}]}},
}
listening = True
decided, state = play(WORLD)
listening = False
assert decided > 500, decided
assert len(happened) == 23, sorted(kind.__name__ for kind in happened)
assert type(state.ledger.at) is Clockless, "the clock was not replaced"
print("pure")
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a Python of its own that can import what this one can."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_hundreds_of_decisions_touch_nothing_outside() -> None:
    """Deciding, folding and explaining ask no clock and open no file, socket or process."""
    done = run(PLAY)

    assert (done.stdout.strip(), done.stderr) == ("pure", "")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("Clockless.now()", "somebody asked for the time"),
        ("open('/dev/null')", "audited: open"),
        ("import socket; socket.socket()", "audited: "),
        ("import os; os.listdir('.')", "audited: "),
        ("import subprocess; subprocess.run(['true'])", "audited: "),
    ],
)
def test_the_audit_would_notice(statement: str, said: str) -> None:
    """The check above can fail: each side effect, slipped in, stops the program."""
    done = run(PLAY.replace("decided, state = play(WORLD)", statement))

    assert done.returncode == 1
    assert said in done.stderr


def test_an_import_loads_no_adapter_and_no_test_tool() -> None:
    """``import sequencectl`` alone loads neither cattrs nor YAML nor test tools nor asyncio."""
    heavy = "cattrs ruamel hypothesis pytest asyncio sqlite3 socket ssl multiprocessing yaml"
    done = run(
        "import sys, sequencectl\n"
        f"print(*[name for name in {heavy.split()!r} if name in sys.modules])"
    )

    assert (done.stdout.strip(), done.stderr) == ("", "")


def imported(path: Path) -> set[str]:
    """The top names of every module that a file imports, anywhere in it."""
    nodes = list(ast.walk(ast.parse((PACKAGE / path).read_text(encoding="utf-8"))))
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    froms = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in plain | froms}


def test_no_module_imports_anything_impure() -> None:
    """Our modules import themselves, the run-time dependencies, and what is pure of the library.

    But for `_turns`, where the controllers' threads and tasks wait for each other.
    """
    pure = RUN_TIME | {"attr", "sequencectl"} | (sys.stdlib_module_names - IMPURE)

    found = {path: imported(path) - pure - PERMITTED.get(path, set()) for path in SOURCES}
    assert {} == {path: names for path, names in found.items() if names}


def called(path: Path) -> set[str]:
    """What a file calls that asks a clock, or has effects: names of methods and of builtins."""
    tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    methods = {func.attr for func in calls if isinstance(func, ast.Attribute)}
    functions = {func.id for func in calls if isinstance(func, ast.Name)}
    effects = {"open", "print", "input", "exec", "eval", "breakpoint", "__import__"}
    return (methods & {"now", "utcnow", "today"}) | (functions & effects)


def test_no_module_calls_a_clock_or_a_builtin_with_effects() -> None:
    """The controller asks its clock port; some make functions of field names, as attrs does."""
    clocks = {path: {"now"} for path in ASKS_THE_CLOCK_PORT}
    makers = {path: {"exec"} for path in MAKES_FUNCTIONS}

    found = {path: names for path in SOURCES if (names := called(path))}
    assert clocks | makers == found


def annotations_of(part: Any) -> dict[str, Any]:
    """The public annotations, as they are written, of a class and its methods or of a function."""
    if not inspect.isclass(part):
        return dict(getattr(part, "__annotations__", {}))
    found = {k: v for k, v in inspect.get_annotations(part).items() if not k.startswith("_")}
    for name, member in vars(part).items():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        if inspect.isfunction(function) and not name.startswith("_"):
            found |= {f"{name}.{k}": v for k, v in function.__annotations__.items()}
    return found


@pytest.mark.parametrize(
    "module",
    [
        ".".join(("sequencectl", *path.with_suffix("").parts)).removesuffix(".__init__")
        for path in SOURCES
        if not any(part.startswith("_") and part != "__init__.py" for part in path.parts)
    ],
)
def test_no_public_annotation_mentions_a_persistent_structure(module: str) -> None:
    """Persistent maps stay behind private modules: no annotation a host reads names them."""
    parts = vars(importlib.import_module(module)).items()
    own = [(name, part) for name, part in parts if getattr(part, "__module__", None) == module]
    mentions = {
        f"{name}.{where}": hint
        for name, part in own
        if not name.startswith("_") and (inspect.isclass(part) or inspect.isfunction(part))
        for where, hint in annotations_of(part).items()
        if re.search(r"\b(rpds|HashTrieMap|Map|OrderedSet)\b", str(hint))
    }

    assert mentions == {}
