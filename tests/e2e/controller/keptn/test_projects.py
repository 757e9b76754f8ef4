"""Projects, stages and services as Keptn's types take them, and every list to its end."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.controller.keptn import models
from tests.e2e.controller.keptn.client import CONTROL_PLANE, Answer, Keptn
from tests.e2e.controller.keptn.go import decoded
from tests.e2e.controller.keptn.world import DEPLOYMENT, deliver, project
from tests.e2e.controller.process import SHIPYARD, Controller

GIT = {
    "remoteURL": "https://git.example/sockshop.git",
    "user": "ann",
    "https": {"token": "token-of-git", "insecureSkipTLS": False},
}
MANY = 23
"""More than two pages of a list."""

WIDE = "\n".join(
    [
        "apiVersion: spec.keptn.sh/0.2.0",
        "kind: Shipyard",
        "metadata: {name: wide}",
        "spec:",
        "  stages:",
        *(f"    - {{name: stage-{number}}}" for number in range(MANY)),
    ]
)


@pytest.fixture(scope="module")
def wide(controller: Controller) -> set[str]:
    """The numbers at the ends of names, of which there are more than two pages in each list."""
    keptn = Keptn(controller.url, controller.token)
    services = [f"service-{number}" for number in range(MANY)]
    project(keptn, "wide", *services, shipyard=WIDE)
    for number in range(MANY):
        deliver(keptn, project(keptn, f"wide-{number}"))
    keptn.close()
    return {str(number) for number in range(MANY)}


def last(name: str) -> str:
    """The number at the end of a name."""
    return name.rpartition("-")[2]


LISTS: dict[str, Callable[[Keptn], list[str]]] = {
    "projects": lambda keptn: [
        last(each["projectName"])
        for each in keptn.projects()
        if each["projectName"].startswith("wide-")
    ],
    "stages": lambda keptn: [last(each["stageName"]) for each in keptn.stages("wide")],
    "services": lambda keptn: [
        last(each["serviceName"]) for each in keptn.services("wide", "stage-7")
    ],
    "open tasks": lambda keptn: [
        last(each["data"]["project"])
        for each in keptn.open_triggered(DEPLOYMENT)
        if each["data"]["project"].startswith("wide-")
    ],
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_read_to_its_end(keptn: Keptn, wide: set[str], name: str) -> None:
    """The key of the next page is a text; everything comes once, page by page."""
    found = LISTS[name](keptn)

    assert sorted(wide) == sorted(found)
    assert len(keptn.http.seen) >= 3


def test_the_list_of_sequences_has_a_number_as_key(keptn: Keptn) -> None:
    """Its counts are whole numbers too."""
    project(keptn, "listed")
    contexts = [deliver(keptn, "listed") for _ in range(3)]
    pages, key = [], 0
    for _ in range(2):
        body = keptn.http.get_ok(
            f"{CONTROL_PLANE}/v1/sequence/listed", pageSize="2", nextPageKey=str(key)
        )
        pages.append(decoded(models.STATES, body))
        key = pages[-1]["nextPageKey"]
    found = [each["shkeptncontext"] for page in pages for each in page["states"]]

    assert [*reversed(contexts)] == found
    assert (3, 3, 0) == (pages[0]["totalCount"], pages[1]["totalCount"], key)


def test_a_project_is_what_its_type_has(keptn: Keptn) -> None:
    """In both types; the creation date is a text of nanoseconds, the version that of its file."""
    begin = datetime.now(UTC) - timedelta(seconds=1)
    project(keptn, "typed")
    path = f"{CONTROL_PLANE}/v1/project/typed"
    expanded = decoded(models.EXPANDED_PROJECT, keptn.http.get(path))
    found = keptn.project("typed")
    created = datetime.fromtimestamp(int(found["creationDate"]) / 1e9, UTC)

    assert begin < created < begin + timedelta(minutes=1)
    assert "spec.keptn.sh/0.2.2" == found["shipyardVersion"] == expanded["shipyardVersion"]
    assert ["dev", "prod"] == [each["stageName"] for each in found["stages"]]
    assert SHIPYARD == expanded["shipyard"]
    assert found["gitCredentials"] is None
    assert found == next(each for each in keptn.projects() if each["projectName"] == "typed")


def test_the_version_is_that_of_the_file(keptn: Keptn) -> None:
    """Another file has another one."""
    project(keptn, "older", shipyard=SHIPYARD.replace("0.2.2", "0.2.0"))

    assert "spec.keptn.sh/0.2.0" == keptn.project("older")["shipyardVersion"]


@pytest.mark.parametrize("name", ["carts", "unannounced"])
def test_a_service_is_what_its_type_has(keptn: Keptn, name: str) -> None:
    """Also one that is known from a trigger alone."""
    where = f"of-{name}"
    project(keptn, where)
    deliver(keptn, where, "unannounced")
    service = keptn.service(where, "dev", name)
    listed = keptn.services(where, "dev")
    created = datetime.fromtimestamp(int(service["creationDate"]) / 1e9, UTC)

    assert abs(datetime.now(UTC) - created) < timedelta(minutes=1)
    assert [] == service["openApprovals"]
    assert service in listed
    assert ["carts", "unannounced"] == [each["serviceName"] for each in listed]


@pytest.mark.parametrize("body", [{"name": "kept-1", "shipyard": None}, {"name": "kept-2"}])
def test_an_update_without_a_shipyard_keeps_it(keptn: Keptn, body: Answer) -> None:
    """Null or missing: the command line cannot send one."""
    project(keptn, body["name"])
    before = keptn.project(body["name"])
    keptn.http.put(f"{CONTROL_PLANE}/v1/project", body)

    assert before == keptn.project(body["name"])


def test_git_credentials_are_taken_and_forgotten(keptn: Keptn) -> None:
    """They are asked for by the command line; nothing of them is ever shown."""
    shipyard = base64.b64encode(SHIPYARD.encode()).decode()
    body = {"name": "git", "shipyard": shipyard, "gitCredentials": GIT}
    keptn.http.post(f"{CONTROL_PLANE}/v1/project", body)
    keptn.update_project("git", GIT)
    shown = keptn.http.get(f"{CONTROL_PLANE}/v1/project/git")

    assert b"git.example" not in shown
    assert b"token-of-git" not in shown
    assert keptn.project("git")["gitCredentials"] is None


def test_what_is_deleted_is_answered_with_an_object(keptn: Keptn) -> None:
    """Never with an empty body, which would be no JSON."""
    project(keptn, "gone")

    assert {"message": ""} == keptn.delete_service("gone", "carts")
    assert {"message": ""} == keptn.delete_project("gone")
