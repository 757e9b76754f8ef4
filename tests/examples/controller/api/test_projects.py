"""Projects as Keptn's clients create, change and read them."""

from __future__ import annotations

import calendar
from base64 import b64encode
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.examples.controller.served import SHIPYARD, Served

SECRET = "a-secret-of-somebody"  # noqa: S105 - nobody has it
GIT = {
    "gitCredentials": {"remoteURL": "https://x.invalid/y.git", "https": {"token": SECRET}},
    "gitUser": SECRET,
    "gitToken": SECRET,
    "gitRemoteURL": "https://x.invalid/y.git",
    "gitPrivateKey": SECRET,
    "gitPrivateKeyPass": SECRET,
    "gitPemCertificate": SECRET,
    "gitProxyUrl": "x.invalid",
    "gitProxyScheme": "https",
    "gitProxyUser": SECRET,
    "gitProxyPassword": SECRET,
    "gitProxyInsecure": True,
    "insecureSkipTLS": True,
}


def encoded(shipyard: str) -> str:
    """A shipyard as it is sent."""
    return b64encode(shipyard.encode()).decode()


@pytest.mark.parametrize("body", [{}, {"shipyard": None}, {"shipyard": ""}], ids=str)
def test_an_update_without_a_shipyard_leaves_it(served: Served, body: dict[str, Any]) -> None:
    """Keptn's command line sends credentials alone; a project that is not there is said."""
    before = served.get("/v1/project/shop")

    assert 200 == served.ask("PUT", "/v1/project", json={"name": "shop", **body}).status_code
    assert before == served.get("/v1/project/shop")
    assert 404 == served.ask("PUT", "/v1/project", json={"name": "nobody", **body}).status_code


def test_an_update_with_a_shipyard_replaces_it(served: Served) -> None:
    """For what is accepted from now on; one that is wrong changes nothing."""
    other = SHIPYARD.replace("prod", "production")
    body = {"name": "shop", "shipyard": encoded(other)}
    answers = [
        served.ask("PUT", "/v1/project", json={**body, **change}).status_code
        for change in ({}, {"shipyard": encoded("spec: 1")}, {"shipyard": "no base64"})
    ]

    assert [200, 400, 400] == answers
    assert other == served.get("/v1/project/shop")["shipyard"]


def test_credentials_for_git_are_taken_and_forgotten(served: Served, tmp_path: Path) -> None:
    """They are in no answer and in no file: what is not needed is not kept."""
    shipyard = {"shipyard": encoded(SHIPYARD)}
    answers = [
        served.ask("POST", "/v1/project", json={"name": "new", **shipyard, **GIT}),
        served.ask("PUT", "/v1/project", json={"name": "new", **GIT}),
        served.ask("POST", "/v1/project", json={"name": "new", **shipyard, **GIT}),
        served.ask("PUT", "/v1/project", json={"name": "nobody", **GIT}),
        served.ask("PUT", "/v1/project", json={"name": "new", "unheard": "of", **GIT}),
        served.ask("GET", "/v1/project/new"),
        served.ask("GET", "/v1/project"),
    ]

    assert [200, 200, 409, 404, 400, 200, 200] == [answer.status_code for answer in answers]
    assert all(SECRET not in answer.text and "x.invalid" not in answer.text for answer in answers)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert all(SECRET.encode() not in path.read_bytes() for path in files)


def test_a_creation_is_told_in_nanoseconds(served: Served) -> None:
    """As a text, of a project as of a service, also of one that was only triggered for."""
    begin = served.clock.now()
    served.ask("POST", "/v1/project/shop/service", json={"serviceName": "made"}).raise_for_status()
    served.trigger("c", service="triggered")
    before = served.get("/v1/project/shop")
    services = before["stages"][0]["services"]

    assert nanoseconds(begin) == before["creationDate"]
    assert [
        ("made", nanoseconds(begin)),
        ("triggered", nanoseconds(begin + timedelta(seconds=1))),
    ] == [(each["serviceName"], each["creationDate"]) for each in services]
    assert [[], []] == [each["openApprovals"] for each in services]
    served.restart()
    assert before == served.get("/v1/project/shop")


@pytest.mark.parametrize(
    ("written", "version"),
    [
        ("spec.keptn.sh/0.2.0", "spec.keptn.sh/0.2.0"),
        ('"spec.keptn.sh/0.2.17"  # not 0.2.3', "spec.keptn.sh/0.2.17"),
    ],
)
def test_the_version_of_a_project_is_that_of_its_shipyard(
    served: Served, written: str, version: str
) -> None:
    """However it is written there; it changes with the shipyard and lasts as long as that."""
    shipyard = SHIPYARD.replace("spec.keptn.sh/0.2.2", written)
    body = {"name": "shop", "shipyard": encoded(shipyard)}
    versions = [served.get("/v1/project/shop")["shipyardVersion"]]
    served.ask("PUT", "/v1/project", json=body).raise_for_status()
    versions.append(served.get("/v1/project/shop")["shipyardVersion"])
    served.restart()
    versions.append(served.get("/v1/project")["projects"][0]["shipyardVersion"])

    assert ["spec.keptn.sh/0.2.2", version, version] == versions


def nanoseconds(at: datetime) -> str:
    """An instant of a whole second, by another way than the controller's."""
    return f"{calendar.timegm(at.timetuple())}000000000"


def test_a_page_of_projects_costs_a_page(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those that are shown are looked at."""
    for name in "abcde":
        served.create(name)
    host, asked = served.controller.host, list[str]()
    ask = host.ask

    async def counted(project: str, question: Any) -> Any:
        asked.append(project)
        return await ask(project, question)

    monkeypatch.setattr(host, "ask", counted)
    page = served.get("/v1/project", pageSize="2", nextPageKey="2")

    assert ["c", "d"] == [project["projectName"] for project in page["projects"]]
    assert (6, "4") == (page["totalCount"], page["nextPageKey"])
    assert ["c", "d"] == asked
