"""Progress by the routes: what a report of it is answered with, where it shows, what it costs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from examples.controller.storage.journal import MOST_PROGRESS
from sequencectl import Bounds, TimeoutPolicy
from tests.examples.controller.served import Served

EVENTS = "/mongodb-datastore/event"
CHANGED = "sh.keptn.event.deployment.status.changed"
SHORT = {
    "timeouts": TimeoutPolicy(reaction="1h", silence="1m"), "bounds": Bounds(progress_every="15s"),
}  # fmt: skip


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Served]:
    """A controller that hears progress every 15 s, and takes who is silent for 1 m for dead."""
    with Served(tmp_path, **SHORT) as served:
        served.create()
        yield served


def begin(served: Served, context: str = "c") -> dict[str, Any]:
    """Trigger a delivery whose task is started at once, and return the task."""
    served.trigger(context)
    (task,) = served.open_tasks()
    about = {"source": "helm", "triggeredid": task["id"], "shkeptncontext": context}
    served.event("deployment.started", task["data"], id="r1", **about).raise_for_status()
    return task


def say(served: Served, task: dict[str, Any], *, after: float = 0, **said: Any) -> str:
    """Report progress some seconds later; return what that is answered with."""
    served.clock.advance(timedelta(seconds=after))
    data = {**{key: task["data"][key] for key in ("project", "stage", "service")}, **said}
    about = {"id": "p", "triggeredid": task["id"], "shkeptncontext": task["shkeptncontext"]}
    answer = served.event("deployment.status.changed", data, source="helm", **about)
    assert 200 == answer.status_code, answer.text
    outcome: str = answer.json()["outcome"]
    return outcome


def shown(served: Served, path: str = EVENTS, **query: str) -> list[dict[str, Any]]:
    """What a route of the history shows of progress: the scope left out."""
    about = {"project": "shop"} if path == EVENTS else {}
    events = served.get(path, **about, type=CHANGED, pageSize="100", **query)["events"]
    return [
        {key: value for key, value in event["data"].items() if key in {"message", "percent"}}
        for event in events
    ]


def test_progress_is_counted_by_its_clock_and_not_by_its_ids(served: Served) -> None:
    """Executors say what they like under any id; one report in ten seconds counts (R42)."""
    task = begin(served)
    said = [say(served, task, after=after, percent=5) for after in (1, 0, 9.9, 0.1, 10)]

    assert ["applied", "too_soon", "too_soon", "applied", "applied"] == said


def test_how_often_progress_counts_is_a_setting(impatient: Served) -> None:
    """Of the controller's operator, who knows how many tasks there are."""
    task = begin(impatient)

    assert ["applied", "too_soon", "applied"] == [
        say(impatient, task, after=after) for after in (0, 14, 1)
    ]


def test_progress_shows_in_both_routes_of_the_history(served: Served) -> None:
    """The newest first, and the oldest first; by its type, its source and its context."""
    task = begin(served)
    say(served, task, percent=40, message="2 of 5 pods")
    say(served, task, after=60, message="waiting for the last one")
    first, second = (
        {"percent": 40, "message": "2 of 5 pods"},
        {"message": "waiting for the last one"},
    )

    assert [second, first] == shown(served)
    assert [first, second] == shown(served, "/v1/project/shop/history")
    assert [second, first] == shown(served, source="helm", keptnContext="c")
    assert [] == shown(served, source="argo")


def test_of_a_task_that_takes_long_the_newest_progress_is_kept(served: Served) -> None:
    """The history of a day is no longer than that of an hour."""
    task = begin(served)
    for number in range(MOST_PROGRESS + 5):
        say(served, task, after=10, message=str(number))

    expected = [{"message": str(number)} for number in range(5, MOST_PROGRESS + 5)]
    assert expected == shown(served, "/v1/project/shop/history")


def test_progress_shows_with_its_task(served: Served) -> None:
    """In the delivery, and in the sentence that explains it."""
    task = begin(served)
    say(served, task, percent=40, message="2 of 5 pods")
    state = served.get("/v1/sequence/shop/c")
    (progress,) = state["sequences"][0]["tasks"][0]["progress"]

    assert ("helm", 40, "2 of 5 pods") == tuple(
        progress[key] for key in ("source", "percent", "message")
    )
    assert "40 %" in state["explanations"]["c"]["text"]
    assert "2 of 5 pods" in state["explanations"]["c"]["text"]


@pytest.mark.parametrize("percent", ["40", 140, 40.5, True])
def test_a_percent_that_cannot_be_used_is_no_refusal(served: Served, percent: object) -> None:
    """Who is refused may give up, and its task would end for its silence: it is shown instead."""
    task = begin(served)

    assert "applied" == say(served, task, percent=percent, message="working")
    (said,) = shown(served)
    problem = f"data.percent: must be an int from 0 to 100, got {percent!r}"
    assert {"message": f"{problem}; working"} == said


def test_who_is_heard_of_is_not_silent(impatient: Served) -> None:
    """Its task goes on as long as it says something, and is over a minute after the last word."""
    task = begin(impatient)
    for _ in range(5):
        assert "applied" == say(impatient, task, after=59)
        impatient.run(impatient.controller.host._check())
    assert [task] == impatient.open_tasks()

    impatient.clock.advance(timedelta(minutes=1))
    impatient.run(impatient.controller.host._check())
    sequence = impatient.get("/v1/sequence/shop/c")["sequences"][0]
    assert [] == impatient.open_tasks()
    assert "timed_out" == sequence["phase"]
    assert (
        "Nothing was heard of helm within 1m0s, at work on task deployment in stage dev; "
        "it was terminated." == sequence["message"]
    )
    assert "late" == say(impatient, task)


def test_progress_needs_no_name_behind_a_proxy(tmp_path: Path) -> None:
    """As no report does: only a vote stands for a person."""
    with Served(tmp_path, actor_header="X-User") as served:
        served.create()
        assert "applied" == say(served, begin(served))


def test_what_comes_too_soon_is_written_nowhere(served: Served, tmp_path: Path) -> None:
    """No file of the folder is committed to, no stream is told, and no event is numbered."""
    task = begin(served)
    say(served, task)
    with ExitStack() as stack:
        connections = [
            stack.enter_context(closing(sqlite3.connect(path))) for path in tmp_path.glob("*.db")
        ]

        def versions() -> list[int]:
            """What SQLite counts up whenever another connection commits."""
            return [each.execute("PRAGMA data_version").fetchone()[0] for each in connections]

        before, serial = versions(), served.get("/v1/sequence/shop/c")["serial"]
        said = [say(served, task, after=0.01) for _ in range(20)]

        assert (["too_soon"] * 20, before) == (said, versions())
        assert serial == served.get("/v1/sequence/shop/c")["serial"]
        assert "applied" == say(served, task, after=10)
        assert 2 == sum(now != then for now, then in zip(versions(), before, strict=True))
