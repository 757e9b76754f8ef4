"""The layers of verification: what each runs, and whether CI does. Each names a defect of its own.

A layer earns its time by a defect that it catches and no other layer does: a file of this folder
whose ``only`` is the layer's name. ``python3 dev.py deep budget`` runs each layer on each of them.
`commands` are arguments of Python, run in a copy of the tree, with the settings CI has.
"""

from __future__ import annotations

from typing import Final

import attrs

PYTEST: Final = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider")
SPHINX: Final = ("-W", "--keep-going", "-q", "-E", "-b", "html", "docs", "docs/_build/html")
MYPY: Final = (
    "src", "docs", "examples", "tests/defects", "tests/docs", "tests/e2e", "tests/typing",
)  # fmt: skip
LINT_IMPORTS: Final = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@attrs.frozen
class Layer:
    """One way in which this repository is checked: `tests` are run by pytest, then `commands`."""

    name: str
    what: str
    tests: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    is_in_ci: bool = True

    @property
    def runs(self) -> tuple[tuple[str, ...], ...]:
        """All that it runs, as arguments of Python."""
        ignored = [f"--ignore-glob=*{path}" for path in self.left_out]
        return (((*PYTEST, *self.tests, *ignored),) if self.tests else ()) + self.commands

    def has(self, path: str) -> bool:
        """Whether a file of tests belongs to it."""
        return any(_covers(each, path) for each in self.tests) and not any(
            _covers(each, path) for each in self.left_out
        )


def _covers(given: str, path: str) -> bool:
    return path == given or path.startswith(given.rstrip("/") + "/")


LAYERS: Final = (
    Layer(
        "rules by example",
        "each rule and each module by examples, and transcripts of known failures",
        tests=("tests",),
        left_out=(
            "tests/test_growth.py", "tests/test_repository.py", "tests/bench",
            "tests/contracts", "tests/defects", "tests/docs", "tests/e2e", "tests/examples",
            "tests/exploration", "tests/fuzz", "tests/mutation", "tests/properties",
            "tests/simulation", "tests/typing", "tests/wire",
        ),
    ),
    Layer(
        "properties",
        "random histories against a naive model, and laws of order, replay, liveness and time",
        tests=("tests/properties",),
    ),
    Layer(
        "exploration",
        "every state of small worlds, checked by named invariants",
        tests=("tests/exploration",),
        commands=(("-m", "tests.exploration"),),
    ),
    Layer(
        "simulation",
        "replicas, a store, a bus and executors with every fault: 5 000 seeds, small schedules",
        tests=("tests/simulation",),
        commands=(("-m", "sequencectl.testing.simulation"), ("-m", "tests.simulation")),
    ),
    Layer(
        "wire",
        "golden files, round trips and strictness of all that is stored",
        tests=("tests/wire",),
    ),
    Layer(
        "fuzz",
        "100 000 damaged documents; how long and how much memory reading takes",
        tests=("tests/fuzz",),
        commands=(("-m", "tests.fuzz"),),
    ),
    Layer(
        "API",
        "what the OpenAPI document permits, and what not, sent to the reference controller",
        commands=(("-m", "tests.fuzz_api"),),
    ),
    Layer(
        "conformance",
        "the shared checks of stores, sinks and clocks, and the stores of the examples",
        tests=("tests/contracts", "tests/examples/stores"),
    ),
    Layer(
        "growth",
        "lines, operations and memory of each command, counted with few and with many waiting",
        tests=("tests/test_growth.py",),
    ),
    Layer(
        "end to end",
        "the demo, the quick start and dev.py as programs",
        tests=("tests/e2e", "tests/examples"),
        left_out=("tests/examples/stores",),
        commands=(("-m", "examples.demo", "--speed", "max", "--plain"),),
    ),
    Layer(
        "types",
        "mypy and basedpyright, strict; what the public face promises to type checkers",
        tests=("tests/typing",),
        commands=(("-m", "mypy", *MYPY), ("-m", "tests.typing")),
    ),
    Layer(
        "imports",
        "which module may import which, and what is imported nowhere",
        commands=(("-c", LINT_IMPORTS, "--no-cache", "--no-logo"),),
    ),
    Layer(
        "style",
        "ruff; what holds for the repository as a whole",
        tests=("tests/test_repository.py",),
        commands=(("-m", "ruff", "check", "."), ("-m", "ruff", "format", "--check", ".")),
    ),
    Layer(
        "docs",
        "sphinx, where a warning is an error; every snippet runs, every table is complete",
        tests=("tests/docs",),
        commands=(("-m", "sphinx", *SPHINX),),
    ),
    Layer(
        "load",
        "the reference controller with 200 commands a second and 500 clients of its stream",
        commands=(("-m", "tests.bench.load", "--seconds", "10"),),
    ),
    Layer(
        "bench",
        "what a decision costs, also among 100 000 that wait; what it asserts, others do as well",
        commands=(("-m", "tests.bench"),),
        is_in_ci=False,
    ),
    Layer(
        "peers",
        "the same delivery on other libraries; it asserts nothing of ours",
        commands=(("-m", "tests.bench.peers", "--rounds", "5"),),
        is_in_ci=False,
    ),
)  # fmt: skip

OF_THE_CHECKS: Final = ("tests/defects", "tests/mutation")
"""Tests of the checks themselves: no layer, for what is seeded is no business of theirs."""
