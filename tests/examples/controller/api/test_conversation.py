"""What happened, in both of its lists, by every filter; and CloudEvents that are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.examples.controller.served import Served

EVENTS, HISTORY = "/mongodb-datastore/event", "/v1/project/shop/history"
SCOPE = {"project": "shop", "stage": "dev", "service": "carts"}
TRIGGERED = "sh.keptn.event.dev.delivery.triggered"
Event = dict[str, Any]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A controller with three deliveries, one of them in another project, and some reports."""
    with Served(tmp_path_factory.mktemp("told")) as served:
        served.create()
        served.create("other")
        served.trigger("c1")
        served.trigger("c2", stage="prod", service="orders")
        served.trigger("c3", project="other")
        for task in served.open_tasks(project="shop"):
            served.finish(task)
        yield served


def everything(served: Served) -> list[Event]:
    """All events of the project, the oldest first."""
    return list(served.get(HISTORY, pageSize="100")["events"])


def fits(event: Event, **wanted: str) -> bool:
    """Whether an event has these attributes, or these texts in its data."""
    return all(event.get(key, event["data"].get(key)) == text for key, text in wanted.items())


FILTERS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "none": ({}, {}),
    "context": ({"keptnContext": "c1"}, {"shkeptncontext": "c1"}),
    "stage": ({"stage": "prod"}, {"stage": "prod"}),
    "service": ({"service": "orders"}, {"service": "orders"}),
    "type": ({"type": TRIGGERED}, {"type": TRIGGERED}),
    "source": ({"source": "outside"}, {"source": "outside"}),
    "id": ({"eventID": "c2"}, {"id": "c2"}),
    "two": ({"stage": "dev", "source": "deployment-service"},
            {"stage": "dev", "source": "deployment-service"}),
    "empty ones": ({"stage": "", "service": "", "type": "", "source": "", "eventID": ""}, {}),
    "nobody's": ({"service": "none"}, {"service": "none"}),
}  # fmt: skip


@pytest.mark.parametrize("name", FILTERS)
def test_what_fits_every_filter_is_listed(told: Served, name: str) -> None:
    """The newest first; the total is that of what fits."""
    query, wanted = FILTERS[name]
    expected = [each for each in everything(told) if fits(each, **wanted)]
    page = told.get(EVENTS, project="shop", pageSize="100", **query)

    assert bool(expected) is (name != "nobody's")
    assert expected[::-1] == page["events"]
    assert (len(expected), 100, "") == (
        page["totalCount"], page["pageSize"], page["nextPageKey"],
    )  # fmt: skip


@pytest.mark.parametrize("query", [{}, {"keptnContext": "c1"}, {"type": TRIGGERED}])
def test_the_oldest_first_is_filtered_too(told: Served, query: dict[str, str]) -> None:
    """By context and type."""
    names = {"keptnContext": "shkeptncontext", "type": "type"}
    wanted = {names[key]: text for key, text in query.items()}
    page = told.get(HISTORY, pageSize="100", **query)

    assert [each for each in everything(told) if fits(each, **wanted)] == page["events"]
    assert len(page["events"]) == page["totalCount"]


def test_instants_bound_both_lists_and_are_left_out(told: Served) -> None:
    """In the oldest first the earlier one alone."""
    times = sorted({each["time"] for each in everything(told)})
    since, until = times[0], times[-1]
    newest = told.get(EVENTS, project="shop", pageSize="100", fromTime=since, beforeTime=until)
    oldest = told.get(HISTORY, pageSize="100", fromTime=since)

    assert [e for e in everything(told) if since < e["time"] < until][::-1] == newest["events"]
    assert [e for e in everything(told) if since < e["time"]] == oldest["events"]


@pytest.mark.parametrize("path", [EVENTS, HISTORY])
def test_pages_follow_one_another(told: Served, path: str) -> None:
    """Each event is on one of them, and each says how many there are."""
    found, keys = list[Event](), [""]
    while len(keys) == 1 or keys[-1]:
        query = {"project": "shop", "pageSize": "3", "nextPageKey": keys[-1]}
        page = told.get(path, **query)
        assert (3, len(everything(told))) == (page["pageSize"], page["totalCount"])
        found.extend(page["events"])
        keys.append(page["nextPageKey"])
        assert len(found) <= page["totalCount"], "a page comes again"

    assert everything(told) == (found if path == HISTORY else found[::-1])
    assert 1 + -(-len(found) // 3) == len(keys)


@pytest.mark.parametrize(("root", "contexts"), [("true", ["c2", "c1"]), ("1", ["c2", "c1"])])
def test_the_roots_are_the_first_events_of_each_context(
    told: Served, root: str, contexts: list[str]
) -> None:
    """One for each delivery of the project."""
    page = told.get(EVENTS, project="shop", root=root)

    assert contexts == [each["id"] for each in page["events"]]


@pytest.mark.parametrize("root", ["", "false"])
def test_whoever_does_not_ask_for_roots_gets_all(told: Served, root: str) -> None:
    """An empty text is no."""
    page = told.get(EVENTS, project="shop", pageSize="100", root=root)

    assert everything(told)[::-1] == page["events"]


def test_a_context_needs_no_project(told: Served) -> None:
    """Whoever has neither is told so."""
    of_context = told.get(EVENTS, keptnContext="c3")["events"]
    neither = told.ask("GET", EVENTS, params={"stage": "dev"})

    assert {"other"} == {each["data"]["project"] for each in of_context}
    assert (400, "project, keptnContext: one of them must be given") == (
        neither.status_code, neither.json()["message"],
    )  # fmt: skip


def test_the_history_of_a_project_that_is_not_there_is_not_found(told: Served) -> None:
    """The sentence names it."""
    answer = told.ask("GET", "/v1/project/none/history")

    assert 404 == answer.status_code
    assert "none" in answer.json()["message"]


def test_open_tasks_are_listed_page_by_page(told: Served) -> None:
    """One that is asked for by an empty id is any."""
    first = told.get("/v1/event/triggered/sh.keptn.event.deployment.triggered",
                     pageSize="1", eventID="")  # fmt: skip
    tests = told.get("/v1/event/triggered/sh.keptn.event.test.triggered")

    assert (1, 1, "") == (first["totalCount"], len(first["events"]), first["nextPageKey"])
    assert ["c1"] == [each["shkeptncontext"] for each in tests["events"]]


def test_the_key_of_a_page_of_open_tasks_is_where_the_next_begins(served: Served) -> None:
    """And that of the last one is empty."""
    served.trigger("c1")
    served.trigger("c2", stage="prod")
    path, pages = "/v1/event/triggered/sh.keptn.event.deployment.triggered", list[Event]()
    for key in ("", "1"):
        pages.append(served.get(path, pageSize="1", nextPageKey=key))

    assert [("c1", "1"), ("c2", "")] == [
        (page["events"][0]["shkeptncontext"], page["nextPageKey"]) for page in pages
    ]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("data", "given"),
    [
        ({"stage": "dev"}, "None"),
        ({"project": 7}, "7"),
        ({"project": ""}, "''"),
        ({"project": "é"}, "'é'"),
        ({"project": "x" * 201}, "'xxx"),
    ],
)
def test_a_trigger_must_name_a_project(served: Served, data: Event, given: str) -> None:
    """Which is shown as it was given."""
    answer = served.event("dev.delivery.triggered", {**data, "service": "carts"}, id="a")
    sentence = "data.project: must be 1 to 200 printable ASCII characters, got "

    assert 400 == answer.status_code
    assert answer.json()["message"].startswith(sentence + given)


@pytest.mark.parametrize("data", [None, [], "text"])
def test_a_report_without_data_names_no_project(served: Served, data: object) -> None:
    """It is refused, and not taken for one of somebody else."""
    event = {"specversion": "1.0", "source": "s", "type": "sh.keptn.event.deployment.started",
             "id": "a", "triggeredid": "t", "data": data}  # fmt: skip
    answer = served.ask("POST", "/v1/event", json=event)

    assert 400 == answer.status_code
    assert "data.project: must be" in answer.json()["message"]
    assert answer.json()["message"].endswith("got None")


@pytest.mark.parametrize("change", [{"result": "good"}, {"status": "done"}])
def test_a_finish_with_an_unknown_word_is_refused(served: Served, change: Event) -> None:
    """Its sender can do better; the task stays open."""
    served.trigger("c1")
    (task,) = served.open_tasks()
    about = {"id": "f", "triggeredid": task["id"], "shkeptncontext": "c1"}
    answer = served.event("deployment.finished", {**SCOPE, **change}, **about)

    assert 400 == answer.status_code
    assert next(iter(change)) in answer.json()["message"]
    assert [task] == served.open_tasks()


def test_a_trigger_keeps_the_context_it_has(served: Served) -> None:
    """Another event of the same id in another project has another one."""
    served.create("other")
    kept = served.event("dev.delivery.triggered", SCOPE, id="a", shkeptncontext="mine")
    made = [
        served.event("dev.delivery.triggered", {**SCOPE, "project": name}, id="b").json()
        for name in ("shop", "other", "shop")
    ]

    assert {"keptnContext": "mine", "outcome": "applied"} == kept.json()
    assert ["applied", "applied", "duplicate"] == [each["outcome"] for each in made]
    assert made[0]["keptnContext"] == made[2]["keptnContext"] != made[1]["keptnContext"]
