"""Open tasks, the history and evaluations as Keptn's types take them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.controller.keptn import command_line, models
from tests.e2e.controller.keptn.client import Answer, Failed, Keptn, milliseconds
from tests.e2e.controller.keptn.go import decoded
from tests.e2e.controller.keptn.world import DEPLOYMENT, deliver, finish, project
from tests.e2e.controller.process import Controller


@pytest.mark.parametrize(
    "kind",
    [
        "sh.keptn.event.nobody-has-it.triggered",
        "sh.keptn.event.dev.delivery.triggered",
        "sh.keptn.event.dev.delivery.finished",
        "sh.keptn.event.deployment.finished",
        "sh.keptn.>",
        "sh.keptn.events.problem",
        "anything at all",
    ],
)
def test_a_type_nobody_has_is_an_empty_list(keptn: Keptn, kind: str) -> None:
    """An executor asks for all it subscribed to, and stops at the first error."""
    assert [] == keptn.open_triggered(kind)
    assert [] == keptn.open_triggered(kind, project="p", stage="dev", service="carts")


def test_open_tasks_are_filtered(keptn: Keptn) -> None:
    """By project, stage and service."""
    project(keptn, "open", "carts", "orders")
    context = deliver(keptn, "open")
    asked = {"project": "open", "stage": "dev", "service": "carts"}
    [event] = keptn.open_triggered(DEPLOYMENT, **asked)

    assert context == event["shkeptncontext"]
    assert datetime.now(UTC) - event["time"] < timedelta(minutes=1)
    for name in asked:
        assert [] == keptn.open_triggered(DEPLOYMENT, **{**asked, name: "other"})


# ---------------------------------------------------------------- the history


def history(keptn: Keptn, **wanted: str) -> list[str]:
    """The types of what the history has, without what is the same in all of them."""
    events = keptn.events(**wanted)
    return [each["type"].removeprefix("sh.keptn.event.") for each in events]


@pytest.fixture(scope="module")
def carts(controller: Controller) -> str:
    """A context in the project told, whose first task is done, beside one that has just begun."""
    keptn = Keptn(controller.url, controller.token)
    project(keptn, "told")
    context = deliver(keptn, "told")
    finish(keptn, "told", "deployment")
    deliver(keptn, "told", "orders", "prod")
    keptn.close()
    return context


ALL_OF_CARTS = [
    "test.triggered", "deployment.finished", "deployment.started", "deployment.triggered",
    "dev.delivery.started", "dev.delivery.triggered",
]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        ({"service": "carts"}, ALL_OF_CARTS),
        ({"stage": "dev"}, ALL_OF_CARTS),
        ({"stage": "prod"},
         ["deployment.triggered", "prod.delivery.started", "prod.delivery.triggered"]),
        ({"type": DEPLOYMENT}, ["deployment.triggered"] * 2),
        ({"type": DEPLOYMENT, "service": "orders"}, ["deployment.triggered"]),
        ({"source": "deployment"}, ["deployment.finished", "deployment.started"]),
        ({"root": "true"}, ["prod.delivery.triggered", "dev.delivery.triggered"]),
        ({"service": "carts", "pageSize": "2"}, ALL_OF_CARTS),
        ({"beforeTime": "2022-01-01T00:00:00.000Z"}, []),
        ({"fromTime": "2122-01-01T00:00:00.000Z"}, []),
        ({"service": "nobody"}, []),
    ],
    ids=str,
)  # fmt: skip
def test_the_history_is_filtered(
    keptn: Keptn, carts: str, wanted: dict[str, str], kinds: list[str]
) -> None:
    """Whatever is asked for, the newest comes first."""
    assert kinds == history(keptn, project="told", **wanted)


def test_the_history_of_a_context_needs_no_project(keptn: Keptn, carts: str) -> None:
    """One event is found by its id."""
    events = keptn.events(keptnContext=carts)
    one = keptn.events(keptnContext=carts, eventID=events[2]["id"])

    assert ALL_OF_CARTS == history(keptn, keptnContext=carts)
    assert [events[2]] == one
    assert one == keptn.events(project="told", eventID=events[2]["id"])


def test_bounds_of_time_leave_their_own_instant_out(keptn: Keptn, carts: str) -> None:
    """Both of them; otherwise a watcher would see the same again and again."""
    times = [each["time"] for each in keptn.events(keptnContext=carts)]
    after = keptn.events(keptnContext=carts, fromTime=milliseconds(times[-1]))
    before = keptn.events(keptnContext=carts, beforeTime=milliseconds(times[0]))

    assert [each for each in times if each > times[-1]] == [each["time"] for each in after]
    assert [each for each in times if each < times[0]] == [each["time"] for each in before]


def test_a_page_of_the_history_begins_where_the_key_says(keptn: Keptn, carts: str) -> None:
    """The key is a number of entries, as a text; it is what is compared with a number of pages."""
    path = "/mongodb-datastore/event"
    pages = [*keptn.http.pages(path, models.EVENTS, keptnContext=carts, pageSize="2")]

    assert ["2", "4"] == [page["nextPageKey"] for page in pages[:-1]]
    assert pages[-1]["nextPageKey"] in {"", "0"}
    assert [6.0] * 3 == [page["totalCount"] for page in pages]
    assert [2, 2, 2] == [len(page["events"]) for page in pages]


# ---------------------------------------------------------------- evaluations

START, END = datetime(2022, 1, 1, 10, tzinfo=UTC), datetime(2022, 1, 1, 10, 5, tzinfo=UTC)
MALFORMED = {
    "a start alone": {"start": "2022-01-01T10:00:00.000Z"},
    "an end with a timeframe": {
        "start": "2022-01-01T10:00:00.000Z", "end": "2022-01-01T10:05:00.000Z", "timeframe": "5m",
    },
    "an end alone": {"end": "2022-01-01T10:05:00.000Z"},
    "no instant": {"start": "ten", "end": "eleven"},
    "no duration": {"timeframe": "soon"},
    "an end before its start": {
        "start": "2022-01-01T10:05:00.000Z", "end": "2022-01-01T10:00:00.000Z",
    },
}  # fmt: skip


def evaluated(keptn: Keptn, name: str) -> Answer:
    """The data of the only open evaluation of a project, as the evaluating service takes it."""
    [event] = keptn.open_triggered("sh.keptn.event.evaluation.triggered", project=name)
    return decoded(models.EVALUATION_TRIGGERED_DATA, json.dumps(event["data"]).encode())


def test_an_evaluation_is_triggered_by_its_window(keptn: Keptn) -> None:
    """The task has both instants in RFC 3339, and the labels."""
    project(keptn, "window")
    labels = {"build": "17"}
    context = command_line.trigger_evaluation(
        keptn, "window", "dev", "carts", start=START, end=END, labels=labels
    )
    data = evaluated(keptn, "window")
    window = [datetime.fromisoformat(data["evaluation"][name]) for name in ("start", "end")]

    assert context
    assert [START, END] == window
    assert labels == data["labels"]


@pytest.mark.parametrize(
    ("given", "length"),
    [({"timeframe": "10m"}, 10), ({"start": "2022-01-01T10:00:00.000Z", "timeframe": "90s"}, 1.5)],
)
def test_an_evaluation_is_triggered_by_a_timeframe(
    keptn: Keptn, given: Answer, length: float
) -> None:
    """Without a start it ends now."""
    name = f"frame-{len(given)}"
    project(keptn, name)
    keptn.trigger_evaluation(name, "dev", "carts", {**given, "gitcommitid": "abc"})
    window = evaluated(keptn, name)["evaluation"]
    start, end = (datetime.fromisoformat(window[each]) for each in ("start", "end"))

    assert timedelta(minutes=length) == end - start
    assert START == start if "start" in given else datetime.now(UTC) - end < timedelta(minutes=1)


@pytest.mark.parametrize("case", MALFORMED)
def test_a_window_that_makes_no_sense_is_refused(keptn: Keptn, case: str) -> None:
    """With a sentence, and nothing is triggered."""
    name = project(keptn, case.replace(" ", "-"))
    with pytest.raises(Failed) as refused:
        keptn.trigger_evaluation(name, "dev", "carts", MALFORMED[case])

    assert 400 == refused.value.code
    assert [] == keptn.events(project=name)
