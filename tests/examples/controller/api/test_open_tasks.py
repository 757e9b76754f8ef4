"""The open tasks, as executors of Keptn's kind ask for them in turn."""

from __future__ import annotations

import pytest

from tests.examples.controller.served import Served


@pytest.fixture
def busy(served: Served) -> Served:
    """A controller with an open deployment in two stages of one project and in another project."""
    served.create("other")
    served.trigger("a")
    served.trigger("b", stage="prod", service="orders")
    served.trigger("c", project="other")
    return served


@pytest.mark.parametrize(
    ("query", "contexts"),
    [
        pytest.param({}, ["c", "a", "b"], id="none: of all projects by name"),
        pytest.param({"project": "shop"}, ["a", "b"], id="project"),
        pytest.param({"stage": "dev"}, ["c", "a"], id="stage"),
        pytest.param({"service": "orders"}, ["b"], id="service"),
        pytest.param({"project": "shop", "stage": "dev", "service": "carts"}, ["a"], id="all"),
        pytest.param({"project": "shop", "service": ""}, ["a", "b"], id="an empty one"),
        pytest.param({"project": "nobody"}, [], id="a project that is not there"),
        pytest.param({"stage": "nowhere"}, [], id="a stage that is not there"),
    ],
)
def test_a_filter_leaves_out_what_does_not_fit(
    busy: Served, query: dict[str, str], contexts: list[str]
) -> None:
    """What nobody has is an empty list and no refusal: the executor goes on to its next type."""
    assert contexts == [event["shkeptncontext"] for event in busy.open_tasks(**query)]


def test_one_is_found_by_its_id(busy: Served) -> None:
    """It is the id that a report on the task names."""
    (wanted,) = busy.open_tasks(service="orders")

    assert [wanted] == busy.open_tasks(eventID=wanted["id"])


@pytest.mark.parametrize(
    "kind",
    [
        "sh.keptn.event.test.triggered",
        "sh.keptn.event.none.triggered",
        "sh.keptn.event.deployment.finished",
        "sh.keptn.event.dev.delivery.triggered",
        "deployment",
        "a/b",
        "🚀",
        "x" * 1_000,
    ],
)
def test_any_text_is_a_type(busy: Served, kind: str) -> None:
    """A task that is not open yet, or that nobody has, is no mistake of the executor."""
    assert [] == busy.get(f"/v1/event/triggered/{kind}")["events"]


def test_a_project_that_is_deleted_is_left_out(busy: Served) -> None:
    """An executor that still asks for it gets what the others have."""
    body = {"state": "abort", "force": True}
    assert 200 == busy.ask("POST", "/v1/sequence/other/c/control", json=body).status_code
    assert 200 == busy.ask("DELETE", "/v1/project/other").status_code

    assert [] == busy.open_tasks(project="other")
    assert ["a", "b"] == [event["shkeptncontext"] for event in busy.open_tasks()]
