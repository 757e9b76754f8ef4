"""Projects as Keptn's clients create, change and read them."""

from __future__ import annotations

from base64 import b64encode
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
