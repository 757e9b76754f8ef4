"""What every test may rely on: Hypothesis profiles without a clock, warnings as errors."""

import os
from collections.abc import Callable
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, Phase, settings

# How long an example takes says nothing about a library without a clock, and a slow machine is no
# reason to fail: no profile measures time. `ci` tries the same examples every time; `defects` does
# so too, and looks for no smaller example of a failure that was seeded.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", _UNTIMED)
settings.register_profile("ci", _UNTIMED, derandomize=True, database=None, print_blob=True)
settings.register_profile(
    "defects", settings.get_profile("ci"), phases=(Phase.explicit, Phase.generate)
)
# `mutation` tries few examples, since thousands of mutants meet them all, and does not mind that
# mutmut runs every test twice in one process.
settings.register_profile(
    "mutation",
    settings.get_profile("defects"),
    max_examples=15,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)
settings.register_profile("deep", _UNTIMED, max_examples=5_000, stateful_step_count=100)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def require_or_skip() -> Callable[[str], NoReturn]:
    """To be called, with the reason, when this machine lacks what an end-to-end part needs.

    It skips the test; where SEQUENCECTL_E2E=require is set, as in CI, it fails it.
    """

    def stop(reason: str) -> NoReturn:
        if os.environ.get("SEQUENCECTL_E2E") == "require":
            pytest.fail(f"{reason} (SEQUENCECTL_E2E=require)", pytrace=False)
        # The one place that may skip: what is missing is a part of the machine, never our own.
        pytest.skip(reason)

    return stop
