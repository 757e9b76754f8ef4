"""The promises of `EventSink` and `Clock`, one function each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import partial
from typing import Final, final

import attrs

from sequencectl.events import Event
from sequencectl.ports import Clock
from sequencectl.testing._walk import tour
from sequencectl.testing.conformance.promises import Check, attempt, expect, expect_same


@final
@attrs.frozen
class SinkTrial:
    """A new sink, how to read what its receivers got, and its faults."""

    emit: Callable[[str, Sequence[Event]], None]
    received: Callable[[str], Sequence[object]]
    form: Callable[[Event], object]
    faults: Mapping[str, Callable[[], AbstractContextManager[object]]]

    def expect_received(self, project: str, events: Sequence[Event], what: str) -> None:
        """Expect that exactly these events arrived, in this order; repeats do not count."""
        forms = [form for form in map(self.form, events) if form is not None]
        seen: list[object] = []
        for one in self.received(project):
            if one not in seen:
                seen.append(one)
        expect_same(forms, seen, f"{what}: the events received, without repeats")


def arrival(trial: SinkTrial) -> None:
    """When emit returns, all its events can be received, in the order of their serials."""
    events: list[Event] = []
    for decision in tour("p"):
        trial.emit("p", decision.events)
        events.extend(decision.events)
        trial.expect_received("p", events, f"emitted through serial {events[-1].serial}")


def repeats(trial: SinkTrial) -> None:
    """Repeated events are no error and do not keep new events from the receivers."""
    events = [event for decision in tour("p") for event in decision.events]
    newest = 0
    for first, last in ((0, 3), (0, 3), (0, 5), (4, 8), (2, 9), (9, 10), (0, len(events))):
        trial.emit("p", events[first:last])
        newest = max(newest, last)
        trial.expect_received("p", events[:newest], f"emitted {first + 1} to {last}")


def several_projects(trial: SinkTrial) -> None:
    """The events of one project neither hide those of another nor mix with them."""
    projects = ("p", "q 'x'/..")
    tours = [tour(project) for project in projects]
    for decisions in zip(*tours, strict=True):
        for decision in decisions:
            trial.emit(decision.project, decision.events)
    for project, decisions in zip(projects, tours, strict=True):
        events = [event for decision in decisions for event in decision.events]
        trial.expect_received(project, events, f"project {project!r}")


def failed_emits(trial: SinkTrial) -> None:
    """An emit that does not publish all events raises; those it did publish are the first."""
    for name, fault in trial.faults.items():
        project, errors = f"p {name}", 0
        events: list[Event] = []
        for decision in tour(project)[:9]:
            events.extend(decision.events)
            _, error = attempt(partial(trial.emit, project, decision.events), fault())
            errors += error is not None
            what = f"an emit met the fault {name!r} ({error!r})"
            if error is None:
                trial.expect_received(project, events, what)
            trial.emit(project, decision.events)
            trial.expect_received(project, events, f"{what} and was sent again")
        expect(errors > 0, f"the fault {name!r} let everything through: it shows nothing")


SINK_CHECKS: Final = (
    Check(arrival),
    Check(repeats),
    Check(several_projects),
    Check(failed_emits, ("faults",)),
)


def aware_utc(clock: Clock) -> None:
    """A clock returns an aware datetime in UTC: no naive and no local one."""
    now: object = clock.now()
    is_utc = isinstance(now, datetime) and now.utcoffset() == timedelta(0)
    expect(is_utc, f"now() returned {now!r}")


CLOCK_CHECKS: Final = (Check(aware_utc),)
