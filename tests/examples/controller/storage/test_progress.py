"""Progress in the journal: how it stands in the history, and how much of it is kept (R42)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from examples.controller.storage.cloudevents import history_of
from examples.controller.storage.journal import MOST_PROGRESS, Journal
from examples.controller.storage.journal_reader import JournalReader
from sequencectl.cloudevents import from_cloudevent
from sequencectl.events import Event, TaskProgressReported, TaskStartReported, TaskTriggered
from tests.support import Host

CHANGED = "sh.keptn.event.deploy.status.changed"


def begun(*contexts: str) -> Host:
    """Deliveries of which each has a task in flight."""
    host = Host({"dev": {"delivery": ["deploy"]}}, bounds=None)
    for context in contexts:
        host.trigger(context, context=context)
    return host


@attrs.define
class Told:
    """A journal that is told of a delivery's beginning, and then of progress."""

    path: Path
    events: list[Event]

    def progress(
        self, count: int, *, source: str = "helm", task: TaskTriggered | None = None
    ) -> None:
        """Tell of so many reports of progress, a second apart: the message counts them."""
        about = task or next(each for each in self.events if isinstance(each, TaskTriggered))
        for number in range(count):
            last = self.events[-1]
            event = TaskProgressReported(
                serial=last.serial + 1,
                at=last.at + timedelta(seconds=1),
                subject=about.subject,
                task_id=about.task_id,
                task=about.task,
                source=source,
                message=f"{source} {number}",
            )
            self.events.append(event)

    def written(self) -> JournalReader:
        """The journal after all that, told in one go."""
        journal = Journal(self.path)
        journal.tell("sockshop", self.events)
        journal.close()
        return JournalReader(self.path)
