"""Four more stories, in which a person decides: approvals, a window, a freeze over the weekend.

Shows what people do with R34 to R38, and how a host answers for its calendar. They are played on a
shipyard of their own, in a week of virtual time; whatever takes long is cut short for spectators.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import attrs

from examples.demo.stories import At, Explain, Look, Say, Story, Type, Until, Vote, is_over
from examples.demo.view import BEGIN, Kind
from sequencectl import (
    ControlPlane,
    ExemptSequence,
    FreezeStage,
    Opening,
    QueuePolicy,
    Shipyard,
    TimeoutPolicy,
    TriggerSequence,
    UnfreezeStage,
)

SHIPYARD: Final = Path(__file__).with_name("people.yaml")
SERVICE: Final = "carts"
FIRST, OLD, NEW, LATE, FRIDAY, HOTFIX = "2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0", "2.4.1"
LONGEST_WAIT: Final = 0.75
"""No stretch of time in which nothing happens takes longer than so many seconds."""


def at(days: int, hours: int, minutes: int = 0) -> datetime:
    """Return an instant so many days after the Monday on which it begins."""
    return BEGIN.replace(hour=hours, minute=minutes, second=0) + timedelta(days=days)


MONDAY_AT_SIX: Final = at(7, 6)


@attrs.frozen
class People:
    """The deliveries by name, which is their context as well."""

    project: str = "sockshop"
    names: Mapping[str, str] = attrs.field(
        factory=lambda: {each: each for each in (FIRST, OLD, NEW, LATE, FRIDAY, HOTFIX)}
    )


def closed_at_night(stage: str, now: datetime) -> Opening:
    """The calendar: production is closed from 18:00 to 06:00, the gate never."""
    six, evening = now.replace(hour=6, minute=0, second=0), now.replace(hour=18, minute=0, second=0)
    if stage != "production" or six <= now < evening:
        return Opening(True)
    return Opening(False, until=six if now < six else six + timedelta(days=1), name="night")


def plane_for_people() -> ControlPlane:
    """Return a plane for the shipyard of these stories, with a calendar."""
    return ControlPlane(
        Shipyard.from_yaml(SHIPYARD.read_bytes()),
        timeouts=TimeoutPolicy(reaction="3m", completion="24h"),
        queueing=QueuePolicy(stages={"gate": QueuePolicy(limit=100)}),
        calendar=closed_at_night,
    )


def people_script() -> Story:
    """The four stories, one after the other."""
    for story in (two_approvers, void_approval, opening_window, weekend):
        yield from story()


def two_approvers() -> Story:
    """Two must approve: one of them rejects for a while, and whoever triggered it may not vote."""
    yield Say("Story 1 of 4: two approvers, of whom one changes their mind", Kind.STORY)
    yield _deliver(FIRST)
    yield Vote(FIRST, "ann")
    yield Vote(FIRST, "ann", approves=False, reason="the tests of staging are red")
    yield Vote(FIRST, "cora")
    yield Vote(FIRST, "bob")
    yield Explain(FIRST)
    yield Vote(FIRST, "ann", reason="green now")
    yield Until(FIRST, is_over)
    yield Look(FIRST, is_whole=True)


def void_approval() -> Story:
    """A newer delivery makes an open approval void."""
    yield Say("Story 2 of 4: an approval that a newer delivery makes void", Kind.STORY)
    yield At(at(0, 11))
    yield _deliver(OLD)
    yield At(at(0, 14))
    yield _deliver(NEW)
    yield Explain(OLD)
    yield from _approve(NEW)
    yield Until(NEW, is_over)


def opening_window() -> Story:
    """What is approved at night starts at 06:00, when the window opens."""
    yield Say("Story 3 of 4: a window that opens at 06:00", Kind.STORY)
    yield At(at(0, 21))
    yield _deliver(LATE)
    yield from _approve(LATE)
    yield Explain(LATE)
    yield Type(
        "sequencectl-cli unfreeze stage production --project=sockshop --actor=cora",
        UnfreezeStage("production", actor="cora"),
    )
    yield Until(LATE, is_over)
    yield Look(LATE, is_whole=True)


def weekend() -> Story:
    """Production is frozen over the weekend; one hotfix is let through."""
    yield Say("Story 4 of 4: a freeze over the weekend, and one hotfix", Kind.STORY)
    yield At(at(4, 16))
    until = f"{MONDAY_AT_SIX:%Y-%m-%dT%H:%MZ}"
    yield Type(
        f"sequencectl-cli freeze stage production --project=sockshop --until={until}"
        " --actor=ann --reason=weekend",
        FreezeStage("production", until=MONDAY_AT_SIX, actor="ann", reason="weekend"),
    )
    yield _deliver(FRIDAY)
    yield from _approve(FRIDAY)
    yield At(at(5, 11))
    yield Type(
        f"sequencectl-cli trigger sequence hotfix --project=sockshop --service={SERVICE}"
        " --stage=production --actor=cora",
        _trigger(HOTFIX, "production", "hotfix"),
    )
    yield Explain(HOTFIX)
    yield Type(
        f"sequencectl-cli exempt sequence --keptn-context={HOTFIX} --actor=bob"
        ' --reason="payments are down"',
        ExemptSequence(HOTFIX, actor="bob", reason="payments are down"),
    )
    yield Until(HOTFIX, is_over)
    yield Look(FRIDAY)
    yield Until(FRIDAY, is_over)
    yield Look(FRIDAY, is_whole=True)


def _deliver(name: str) -> Type:
    text = f"sequencectl-cli trigger delivery --project=sockshop --service={SERVICE} --tag={name}"
    return Type(f"{text} --actor=cora", _trigger(name, "gate", "delivery"))


def _trigger(name: str, stage: str, sequence: str) -> TriggerSequence:
    return TriggerSequence(name, stage=stage, sequence=sequence, service=SERVICE, actor="cora")


def _approve(name: str) -> Story:
    yield Vote(name, "ann")
    yield Vote(name, "bob")
