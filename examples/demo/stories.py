"""The scripts: what people do, and when, in each of the three stories and in a remediation.

Shows the library from the side of a user of the host program, who sees `DeliveryView`s and types
the commands of Keptn's command line. A script is a generator: it yields what it does or waits for,
and the host does that in virtual time. Nothing here knows of a state.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import datetime
from typing import TypeAlias

import attrs

from examples.demo.cast import IMAGE, SERVICE, Cast, Spot
from examples.demo.view import Kind
from sequencectl import (
    AbortSequence,
    Command,
    DeliveryView,
    PauseSequence,
    ResumeSequence,
    TriggerSequence,
)

ANN = "ann"
"""Who sits at the command line."""


@attrs.frozen
class Say:
    """Tell the spectators."""

    text: str
    kind: Kind = Kind.NOTE


@attrs.frozen
class Type:
    """Type a command; unless it is refused, the replies are printed."""

    text: str
    command: Command
    replies: tuple[str, ...] = ()


@attrs.frozen
class Look:
    """Look up how a delivery stands, in the last sequence or in the whole of it."""

    context: str
    is_whole: bool = False


@attrs.frozen
class Explain:
    """Ask why the newest sequence of a delivery stands as it does."""

    context: str


@attrs.frozen
class Vote:
    """Vote on the open approval of a delivery."""

    context: str
    voter: str
    approves: bool = True
    reason: str = ""


@attrs.frozen
class Redrive:
    """Go on where the first sequence of a delivery failed."""

    context: str
    actor: str


@attrs.frozen
class At:
    """Do nothing until this instant."""

    instant: datetime


@attrs.frozen
class Wait:
    """Do nothing for so many seconds."""

    seconds: float


@attrs.frozen
class Until:
    """Wait until a delivery stands like this, at most for so many seconds."""

    context: str
    holds: Callable[[DeliveryView], bool]
    seconds: float | None = None


Step: TypeAlias = Say | Type | Vote | Redrive | Look | Explain | Wait | At | Until
Story: TypeAlias = Generator[Step, None, None]


def is_over(view: DeliveryView) -> bool:
    """Whether nothing of the delivery is live."""
    return all(status.phase.has_ended for status in view.sequences)


def is_at_work(view: DeliveryView) -> bool:
    """Whether a task is in flight, or never will be again."""
    return is_over(view) or any(status.task is not None for status in view.sequences)


def is_drained(view: DeliveryView) -> bool:
    """Whether nothing is in flight any more."""
    return not view.is_draining


def main_script(cast: Cast, last_task: str) -> Story:
    """Play the three stories, one after the other."""
    yield from queueing(cast, last_task)
    yield Wait(15)
    yield from mute_executor(cast)
    yield Wait(15)
    yield from controls(cast)


def queueing(cast: Cast, last_task: str) -> Story:
    """Two deliveries of one service: the second waits for the first, stage after stage."""
    first, second, *_ = cast.contexts
    start = cast.start.stage
    yield Say("Story 1 of 3: two deliveries of one service queue for each stage", Kind.STORY)
    yield from trigger(cast, first)
    yield Until(first, lambda view: is_over(view) or view.sequences[0].task == last_task, 45)
    yield from trigger(cast, second)
    yield Look(second)
    yield Explain(second)
    yield Until(second, lambda view: view.sequences[0].phase.holds_lane or is_over(view))
    yield Look(second)
    if cast.next is None:
        yield Say(f"Nothing follows {cast.start}: there is no other stage to queue for.")
    else:
        yield Until(second, lambda view: view.sequences[-1].stage != start or is_over(view))
        yield Look(second)
    yield Until(first, is_over)
    yield Until(second, is_over)
    yield Look(first, is_whole=True)
    yield Look(second, is_whole=True)


def mute_executor(cast: Cast) -> Story:
    """Nobody reacts to one task: it is terminated, the sequence fails and is rolled back."""
    context = cast.contexts[2]
    yield Say(f"Story 2 of 3: nobody reacts to {cast.mute.task} in {cast.mute}", Kind.STORY)
    if not cast.rollbacks:
        yield Say("This shipyard has no rollback: nothing follows when a task has timed out.")
    yield from trigger(cast, context)
    yield Until(context, is_over)
    yield Look(context, is_whole=True)


def controls(cast: Cast) -> Story:
    """A person pauses, resumes and aborts a delivery."""
    context = cast.contexts[3]
    yield Say("Story 3 of 3: pause, resume and abort", Kind.STORY)
    if cast.tasks == 1:
        yield Say(f"{cast.start} has only one task: a pause has nothing to hold back.")
    yield from trigger(cast, context)
    yield Until(context, is_at_work)
    yield Until(context, is_over, 15)
    yield Type(
        f"keptn pause sequence --keptn-context={context}",
        PauseSequence(context, actor=ANN, reason="a look at the logs first"),
        (
            "The current sequence execution is paused. ",
            "To resume the sequence execution, execute: "
            f"keptn resume sequence --keptn-context={context}",
        ),
    )
    yield Look(context)
    if cast.tasks > 1:
        yield Until(context, is_drained)
        yield Look(context)
    yield Until(context, is_over, 60 if cast.tasks > 1 else 5)
    yield Type(
        f"keptn resume sequence --keptn-context={context}",
        ResumeSequence(context, actor=ANN),
        ("The sequence execution resumes. ",),
    )
    yield Look(context)
    yield Until(context, is_at_work)
    yield Until(context, is_over, 10)
    yield Type(
        f"keptn abort sequence --keptn-context={context}",
        AbortSequence(context, actor=ANN, reason="the wrong version"),
        ("The sequence execution is aborted. ",),
    )
    yield Look(context)
    yield Until(context, is_over)
    yield Look(context)


def remediation(cast: Cast, spot: Spot) -> Story:
    """A problem is remedied: the first evaluation fails, so that it begins again.

    It waits for the second delivery, and for the other stories too if they need its stage.
    """
    _, second, muted, controlled = cast.contexts
    is_apart = spot.stage not in {cast.start.stage, cast.mute.stage}
    for context in (second,) if is_apart else (second, muted, controlled):
        yield Until(context, is_over)
    yield Wait(5)
    problem = f"Monitoring reports a problem of {SERVICE} in {spot.stage}"
    yield Say(f"{problem}; {spot.task} will not be content at once.")
    yield from trigger(cast, cast.troubled, spot)
    yield Until(cast.troubled, is_over)
    yield Look(cast.troubled, is_whole=True)


def trigger(cast: Cast, context: str, spot: Spot | None = None) -> Story:
    """Type what triggers a sequence, by default the delivery of the version of this context."""
    spot, tag = spot or cast.start, cast.names[context]
    to = f"--project={cast.project} --service={SERVICE}"
    if spot.sequence == "delivery":
        text = f"keptn trigger delivery {to} --image={IMAGE} --tag={tag}"
        version = f"in version {IMAGE}:{tag}"
        reply = f"Starting to deliver the service {SERVICE} in project {cast.project} {version}"
    else:
        text = f"keptn trigger sequence {spot.sequence} {to} --stage={spot.stage}"
        of = f"of the service {SERVICE} in project {cast.project}, stage {spot.stage}"
        reply = f"Starting the sequence {spot.sequence} {of}"
    command = TriggerSequence(
        context,
        stage=spot.stage,
        sequence=spot.sequence,
        service=SERVICE,
        data={"labels": {"version": tag}, "configurationChange": {"values": {"image": IMAGE}}},
    )
    yield Type(text, command, (reply, f"ID of Keptn context: {context}"))
