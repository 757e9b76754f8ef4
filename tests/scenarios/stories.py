"""Stories of what people decide and of failures, each played to its end: golden transcripts.

A play begins at 09:00; the instants in its transcript count from there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from sequencectl import CommandRejected, ControlPlane, Opening, QueuePolicy, Shipyard
from sequencectl.testing import Play

GOLDEN: Final = Path(__file__).parent / "golden"
SHIPYARDS: Final = Path(__file__).parents[2] / "examples" / "shipyards"


def plane_of(name: str, **policies: Any) -> ControlPlane:
    """A plane for a shipyard of the examples."""
    text = (SHIPYARDS / f"{name}.yaml").read_bytes()
    return ControlPlane(Shipyard.from_yaml(text), **policies)


IN_THE_SEQUENCE: Final = plane_of("approval-in-the-sequence")
GATE: Final = plane_of(
    "gate-stage", queueing=QueuePolicy(stages={"prod-gate": QueuePolicy(limit=100)})
)
FLAKY: Final = plane_of("flaky-test")
PARKING: Final = plane_of("parked-deployment")
REDRIVEN: Final = plane_of("redriven-delivery")
SILENT: Final = plane_of("silent-executor")


def plane_with(approval: Any, **policies: Any) -> ControlPlane:
    """A plane of one stage, prod, in which a delivery is approved and then deployed."""
    tasks = [{"name": "approval", "approval": approval}, "deployment"]
    return ControlPlane(Shipyard.of({"prod": {"delivery": tasks}}), **policies)


def deliver(play: Play, name: str, *, stage: str = "prod", actor: str = "") -> None:
    """Trigger a delivery of carts."""
    play.trigger(name, stage=stage, sequence="delivery", service="carts", actor=actor)


def two_approvers() -> Play:
    """Two must approve. Cora may not approve her own; ann changes her mind, and once more."""
    play = Play(plane_with({"approve": 2, "reject": 2, "initiator": False}))
    deliver(play, "0.11.1", actor="cora")
    with pytest.raises(CommandRejected, match="cora triggered this sequence"):
        play.approve("approval", voter="cora")
    play.approve("approval", voter="ann")
    play.reject("approval", voter="ann", reason="the tests of staging are red")
    play.wait("10m")
    play.approve("approval", voter="bob", reason="a known flaw of the tests")
    play.approve("approval", voter="bob")
    play.wait("5m")
    play.approve("approval", voter="ann", reason="green now")
    return play


def void_approval() -> Play:
    """A delivery that waits for its approval yields to a newer one of the same service."""
    play = Play(plane_with({"newcomer": "supersede"}))
    deliver(play, "0.11.1")
    (void,) = play.open_tasks()
    play.wait("2h")
    deliver(play, "0.11.2")
    play.tell(void.triggered.approve("ann", "a little late"))
    play.approve("approval", voter="ann")
    return play


def weekend() -> Play:
    """Production is frozen from Friday evening to Monday morning; one hotfix is let through."""
    play = Play(ControlPlane(Shipyard.of({"prod": {"delivery": ["deployment"]}})))
    play.freeze("prod", until=play.now + timedelta(hours=60), actor="ann", reason="weekend")
    for name in ("0.11.1", "0.11.2", "hotfix"):
        deliver(play, name)
    play.wait("20h")
    play.exempt("hotfix", actor="bob", reason="payments are down")
    play.finish("deployment")
    play.wait("40h")
    play.finish("deployment")
    return play


def opens_at_six() -> Play:
    """Production is closed at night; what waits starts in the very check at 06:00."""
    play = Play(
        ControlPlane(Shipyard.of({"prod": {"delivery": ["deployment"]}}), calendar=closed_at_night)
    )
    play.wait("13h")
    deliver(play, "0.11.1")
    play.wait("8h")
    play.finish("deployment")
    return play


def closed_at_night(stage: str, now: datetime) -> Opening:
    """Every stage is closed from 22:00 to 06:00."""
    six, ten = now.replace(hour=6, minute=0, second=0), now.replace(hour=22, minute=0, second=0)
    if now < six:
        return Opening(False, until=six, name="night")
    if now < ten:
        return Opening(True, until=ten)
    return Opening(False, until=six + timedelta(days=1), name="night")


def first_triggered_first() -> Play:
    """With the approval in the sequence the first delivery keeps production until it is decided."""
    play = Play(IN_THE_SEQUENCE)
    deliver(play, "0.11.1")
    deliver(play, "0.11.2")
    for name in ("0.11.1", "0.11.2"):  # of the second no approval is open before the first is over
        play.approve("approval", voter="ann")
        play.finish("deployment", context=name)
    return play


def first_approved_first() -> Play:
    """With a gate stage production stays free, and takes deliveries in the order of approval."""
    play = Play(GATE)
    for name in ("0.11.1", "0.11.2", "0.11.3"):
        deliver(play, name, stage="prod-gate")
    for name in ("0.11.3", "0.11.2", "0.11.1"):
        play.approve("approval", voter="ann", context=name)
    for name in ("0.11.3", "0.11.2", "0.11.1"):
        play.finish("deployment", context=name)
    return play


def flaky_test() -> Play:
    """A test fails, errs and then passes: of the first two attempts nothing counts."""
    play = Play(FLAKY)
    deliver(play, "0.12.1", stage="dev")
    play.finish("build")
    play.finish("test", result="fail", message="the login took 9 s")
    play.wait("30s")
    play.finish("test", result="fail", status="errored", message="the browser has crashed")
    play.wait("1m")
    play.finish("test", message="the login took 2 s")
    return play


def repaired_deployment() -> Play:
    """A failed deployment keeps production until ann has repaired the registry and retries it."""
    play = Play(PARKING)
    deliver(play, "0.12.1", stage="production")
    deliver(play, "0.12.2", stage="production")
    play.finish("deployment", result="fail", message="the registry does not answer")
    play.wait("20m")
    play.retry("0.12.1", actor="ann", reason="the registry is up again")
    play.finish("deployment")
    play.finish("smoke-test")
    return play


def skipped_with_a_reason() -> Play:
    """Bob knows why the smoke test fails, and lets the delivery end with a warning."""
    play = Play(PARKING)
    deliver(play, "0.12.1", stage="production")
    play.finish("deployment")
    play.finish("smoke-test", result="fail", message="404 for /old-page")
    play.wait("5m")
    play.skip("0.12.1", result="warning", actor="bob", reason="the page was removed on purpose")
    return play


def redriven_next_morning() -> Play:
    """The test of the evening fails; in the morning only it is run again, and bob is too late."""
    play = Play(REDRIVEN)
    play.wait("8h")
    deliver(play, "0.12.1", stage="staging")
    play.finish("build", data={"image": "carts:0.12.1"})
    play.finish("deployment")
    play.finish("test", result="fail", message="the test data has expired")
    play.wait("15h")
    play.redrive("0.12.1", actor="ann")
    with pytest.raises(CommandRejected):
        play.redrive("0.12.1", actor="bob")
    play.finish("test")
    return play


def dead_executor() -> Play:
    """An executor dies in the middle of a task that may take three hours; another one takes over.

    It was only cut off: what it says later changes nothing.
    """
    play = Play(SILENT)
    play.trigger("nightly", stage="lab", sequence="performance", service="carts")
    (first,) = play.open_tasks()
    play.start("load-test", source="k6-a")
    for percent in (25, 50):
        play.wait("50s")
        play.progress("load-test", percent=percent)
    play.wait("2m")
    play.start("load-test", source="k6-b")
    play.tell(first.triggered.finished(source="k6-a", result="fail", message="cut off"))
    play.wait("50s")
    play.progress("load-test", percent=40)
    play.finish("load-test")
    return play


STORIES: Final[dict[str, Callable[[], Play]]] = {
    "two-approvers": two_approvers,
    "void-approval": void_approval,
    "weekend": weekend,
    "opens-at-six": opens_at_six,
    "first-triggered-first": first_triggered_first,
    "first-approved-first": first_approved_first,
    "flaky-test": flaky_test,
    "repaired-deployment": repaired_deployment,
    "skipped-with-a-reason": skipped_with_a_reason,
    "redriven-next-morning": redriven_next_morning,
    "dead-executor": dead_executor,
}
