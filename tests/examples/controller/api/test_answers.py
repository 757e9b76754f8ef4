"""Which status an error is answered with, also those that are hard to come by over the wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from examples.controller.api.answers import refused
from examples.controller.api.reading import Refusal
from examples.controller.deciding import StillLive
from examples.controller.storage.projects import AlreadyThere
from examples.stores.errors import StoreUnusable
from sequencectl import (
    CommandRejected,
    Contention,
    InvalidValue,
    PauseSequence,
    RejectedCode,
    UnknownContext,
    UnknownProject,
)

REQUEST = Request({"type": "http", "method": "GET", "path": "/", "headers": []})
PAUSE = PauseSequence("c1")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Refusal(413, "too long"), 413),
        (InvalidValue("stage", "x y", "must be a name"), 400),
        (CommandRejected(RejectedCode.QUEUE_FULL, "Stage dev is full.", PAUSE), 400),
        (CommandRejected(RejectedCode.UNKNOWN_CONTEXT, "No context.", PAUSE), 404),
        (CommandRejected(RejectedCode.NOT_REACHED, "Not there.", PAUSE), 404),
        (UnknownProject("p"), 404),
        (UnknownContext("p", "c1"), 404),
        (AlreadyThere("project p exists already"), 409),
        (StillLive("project p has 1 live sequences"), 409),
        (Contention("p", 10), 503),
        (StoreUnusable(Path("sequences.db"), "is damaged"), 503),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else str(each),
)
def test_an_error_has_a_status_and_its_sentence(error: Exception, status: int) -> None:
    """A client that may try again soon is told so; a refusal has the library's code."""
    answer = refused(REQUEST, error)
    body: dict[str, Any] = json.loads(bytes(answer.body))

    assert (status, str(error)) == (body["code"], body["message"])
    assert status == answer.status_code
    assert ("1" if status == 503 else None) == answer.headers.get("retry-after")
    assert isinstance(error, CommandRejected) is ("reason" in body)
