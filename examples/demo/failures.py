"""Five more stories, after a failure: retried, parked, skipped, redriven, and a dead executor.

Shows R39 to R42 on the four shipyards in ``examples/shipyards/`` that are about failures, put
together. They are played in a day of virtual time; what takes long is cut short for spectators.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import attrs

from examples.demo.actors import Actor, Mishap, Script
from examples.demo.stories import (
    At,
    Explain,
    Look,
    Redrive,
    Say,
    Story,
    Type,
    Until,
    Wait,
    is_at_work,
    is_over,
)
from examples.demo.view import BEGIN, Kind
from sequencectl import (
    ControlPlane,
    DeliveryView,
    Phase,
    RetryTask,
    Shipyard,
    SkipTask,
    Status,
    TimeoutPolicy,
    TriggerSequence,
)

SHIPYARDS: Final = Path(__file__).parents[1] / "shipyards"
NAMES: Final = ("flaky-test", "parked-deployment", "redriven-delivery", "silent-executor")
SERVICE: Final = "carts"
FLAKY, REPAIRED, NEXT, SKIPPED, REDRIVEN = "3.0.0", "3.1.0", "3.1.1", "3.2.0", "3.3.0"
NIGHTLY: Final = "nightly"
EVENING: Final = BEGIN.replace(hour=17, minute=30, second=0)
MORNING: Final = BEGIN.replace(hour=8, minute=10, second=0) + timedelta(days=1)
LONGEST_WAIT: Final = 0.25
"""No stretch of time in which nothing happens takes longer than so many seconds."""

SCRIPTS: Final[dict[str, Script]] = {
    "build": {},
    "deployment": {(REPAIRED, "production"): (Mishap("the registry does not answer"),)},
    "smoke-test": {(SKIPPED, "production"): (Mishap("404 for /old-page"),)},
    "test": {
        (FLAKY, "dev"): (
            Mishap("the login took 9 s"),
            Mishap("the browser has crashed", status=Status.ERRORED),
        ),
        (REDRIVEN, "staging"): (Mishap("the test data has expired"),),
    },
    "load-test": {(NIGHTLY, "lab"): (Mishap(dies=True),)},
}


@attrs.frozen
class Failures:
    """The deliveries by name, which is their context as well."""

    project: str = "sockshop"
    names: Mapping[str, str] = attrs.field(
        factory=lambda: {each: each for each in (FLAKY, REPAIRED, NEXT, SKIPPED, REDRIVEN, NIGHTLY)}
    )


def plane_for_failures() -> ControlPlane:
    """Return a plane for the shipyards of these stories: their stages, side by side."""
    read = [Shipyard.from_yaml((SHIPYARDS / f"{name}.yaml").read_bytes()) for name in NAMES]
    stages = tuple(stage for shipyard in read for stage in shipyard.stages)
    timeouts = TimeoutPolicy(reaction="3m", completion="1h", parked="4h")
    return ControlPlane(Shipyard(stages, name="sockshop"), timeouts=timeouts)


def actors_for_failures(*, seed: int) -> dict[str, Actor]:
    """Return an actor for each task name, with its part in the stories."""
    return {task: Actor(task, seed=seed, script=script) for task, script in SCRIPTS.items()}


def failures_script() -> Story:
    """The five stories, one after the other."""
    for story in (flaky_test, repaired, skipped, redriven, dead_executor):
        yield from story()


def flaky_test() -> Story:
    """A test fails, errs, and passes at the third attempt."""
    yield Say("Story 1 of 5: a flaky test that passes at the third attempt", Kind.STORY)
    yield _deliver(FLAKY, "dev")
    yield Until(FLAKY, _is_between_attempts)
    yield Explain(FLAKY)
    yield Until(FLAKY, is_over)
    yield Look(FLAKY)


def repaired() -> Story:
    """A failed deployment is parked and keeps production until it is repaired and retried."""
    yield Say("Story 2 of 5: a failed deployment is parked, repaired and retried", Kind.STORY)
    yield Wait(600)
    yield _deliver(REPAIRED, "production")
    yield _deliver(NEXT, "production")
    yield Until(REPAIRED, _is_parked)
    yield Explain(REPAIRED)
    yield Explain(NEXT)
    yield Wait(1_200)
    yield Type(
        f"sequencectl-cli retry sequence --keptn-context={REPAIRED} --actor=ann"
        ' --reason="the registry is up again"',
        RetryTask(REPAIRED, actor="ann", reason="the registry is up again"),
    )
    yield Until(NEXT, is_over)
    yield Look(REPAIRED)
    yield Look(NEXT)


def skipped() -> Story:
    """A failed smoke test is skipped, with a reason and a warning."""
    yield Say("Story 3 of 5: a failed smoke test is skipped with a reason", Kind.STORY)
    yield Wait(600)
    yield _deliver(SKIPPED, "production")
    yield Until(SKIPPED, _is_parked)
    yield Explain(SKIPPED)
    yield Wait(300)
    yield Type(
        f"sequencectl-cli skip sequence --keptn-context={SKIPPED} --result=warning --actor=bob"
        ' --reason="the page was removed on purpose"',
        SkipTask(SKIPPED, result="warning", actor="bob", reason="the page was removed on purpose"),
    )
    yield Until(SKIPPED, is_over)
    yield Explain(SKIPPED)


def redriven() -> Story:
    """A delivery that failed in the evening goes on in the morning, where it had failed."""
    yield Say("Story 4 of 5: a delivery is redriven from its test the next morning", Kind.STORY)
    yield At(EVENING)
    yield _deliver(REDRIVEN, "staging")
    yield Until(REDRIVEN, is_over)
    yield Look(REDRIVEN)
    yield At(MORNING)
    yield Redrive(REDRIVEN, "ann")
    yield Explain(REDRIVEN)
    yield Redrive(REDRIVEN, "bob")
    yield Until(REDRIVEN, is_over)
    yield Look(REDRIVEN, is_whole=True)


def dead_executor() -> Story:
    """An executor dies in the middle of a task of up to three hours; another one takes over."""
    yield Say("Story 5 of 5: an executor dies in the middle of a long task", Kind.STORY)
    yield Wait(600)
    yield Type(
        f"sequencectl-cli trigger sequence performance --project=sockshop --service={SERVICE}"
        " --stage=lab",
        TriggerSequence(NIGHTLY, stage="lab", sequence="performance", service=SERVICE),
    )
    yield Until(NIGHTLY, is_at_work)
    yield Wait(120)
    yield Explain(NIGHTLY)
    yield Until(NIGHTLY, is_over)
    yield Look(NIGHTLY)


def _deliver(name: str, stage: str) -> Type:
    text = f"sequencectl-cli trigger delivery --project=sockshop --service={SERVICE} --tag={name}"
    command = TriggerSequence(
        name, stage=stage, sequence="delivery", service=SERVICE, data={"labels": {"version": name}}
    )
    return Type(f"{text} --stage={stage}", command)


def _is_between_attempts(view: DeliveryView) -> bool:
    (status,) = view.sequences
    return status.phase is Phase.RUNNING and status.task is None


def _is_parked(view: DeliveryView) -> bool:
    return any(status.phase is Phase.PARKED for status in view.sequences)
