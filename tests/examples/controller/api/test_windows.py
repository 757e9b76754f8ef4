"""What a calendar closes, how that is shown, and who is let through in spite of it (R37, R38)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.controller.settings import Settings
from sequencectl import ControlPlane, Opening, Shipyard
from tests.examples.controller.api.described import Described
from tests.examples.controller.calendars.files import OPEN_TIMES, event, file
from tests.examples.controller.served import Served

OPENS = datetime(2027, 1, 1, 6, tzinfo=UTC)
FORM = "%Y%m%dT%H%M%SZ"
CLOSES = OPENS + timedelta(hours=2)
CALENDAR = file(
    OPEN_TIMES,
    event(f"{OPENS:{FORM}}", f"DTEND:{CLOSES:{FORM}}", "SUMMARY:day shift", "CATEGORIES:dev"),
)
"""The stage dev is open for two hours, and never before or after."""

BEFORE = {"open": False, "until": "2027-01-01T06:00:00.000Z", "name": "day shift"}


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Served]:
    """A controller before that time."""
    with Served(tmp_path) as served:
        served.create(calendar=CALENDAR)
        yield served


def stage_of(served: Served, name: str = "dev") -> dict[str, Any]:
    """How a stage stands."""
    return served.get(f"/v1/project/shop/stage/{name}")


def unfreeze(served: Served, stage: str = "dev") -> httpx.Response:
    """Unfreeze a stage."""
    path = f"/v1/project/shop/stage/{stage}/control"
    return served.ask("POST", path, json={"state": "unfreeze", "actor": "ann"})


def exempt(served: Served, context: str, *headers: tuple[str, str], **body: Any) -> httpx.Response:
    """Let a sequence of a delivery through."""
    path = f"/v1/sequence/shop/{context}/exempt"
    return served.ask("POST", path, json=body, headers=list(headers))


def phases(served: Served, context: str) -> list[str]:
    """How the sequences of a delivery stand."""
    return [each["phase"] for each in served.get(f"/v1/sequence/shop/{context}")["sequences"]]


# ---------------------------------------------------------------- windows


def test_a_stage_shows_what_its_calendar_says(closed: Served) -> None:
    """It is frozen when somebody could start there, and not before."""
    before = stage_of(closed)
    closed.trigger("c1")
    after = stage_of(closed)

    assert (None, BEFORE) == (before["frozen"], before["calendar"])
    assert BEFORE == after["calendar"]
    assert {"until": BEFORE["until"], "cause": "calendar", "window": "day shift", "actor": ""} == {
        key: after["frozen"][key] for key in ("until", "cause", "window", "actor")
    }


def test_a_window_that_opens_admits_in_that_very_check(closed: Served) -> None:
    """The timer rings for it; then the calendar says how long it is open."""
    closed.trigger("c1")
    armed_at = closed.controller.host.armed_at
    closed.clock.advance(OPENS - closed.clock.now())
    closed.run(closed.controller.host._check())
    stage = stage_of(closed)

    assert (OPENS, ["running"]) == (armed_at, phases(closed, "c1"))
    until = "2027-01-01T08:00:00.000Z"
    assert {"open": True, "until": until, "name": "day shift"} == stage["calendar"]
    assert stage["frozen"] is None


def test_a_stage_that_is_closed_for_good_has_no_end(closed: Served) -> None:
    """It is open never again, as far as the calendar knows."""
    closed.clock.advance(CLOSES - closed.clock.now())

    assert {"open": False, "until": None, "name": ""} == stage_of(closed)["calendar"]


def test_without_a_calendar_a_stage_has_none(served: Served) -> None:
    """It is always open."""
    assert stage_of(served)["calendar"] is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "raised LookupError('no such file')"),
        ("open", "answered 'open'"),
        (Opening(False, until=datetime(2020, 1, 1, tzinfo=UTC)), "answered Opening("),
    ],
)
def test_a_calendar_that_fails_counts_as_closed(tmp_path: Path, answer: Any, said: str) -> None:
    """Everything else is served; who unfreezes the stage learns what is wrong."""

    def broken(_stage: str, _at: datetime) -> Any:
        if answer is None:
            raise LookupError("no such file")
        return answer

    class Broken(Settings):
        def plane(self, shipyard: Shipyard, *, calendar: Any = None) -> ControlPlane:
            return super().plane(shipyard, calendar=calendar or broken)

    with Served(tmp_path, kind=Broken) as served:
        served.create()
        served.trigger("c1")
        stage, refused = stage_of(served), unfreeze(served)
        waits = phases(served, "c1")

    assert (False, None) == (stage["calendar"]["open"], stage["calendar"]["until"])
    assert stage["frozen"]["window"] == stage["calendar"]["name"]
    assert said in stage["calendar"]["name"]
    assert (503, True) == (refused.status_code, said in refused.json()["message"])
    assert ["waiting"] == waits


def test_nobody_opens_a_stage_against_its_calendar(closed: Served) -> None:
    """The sentence says until when it is closed; a person's own freeze is ended."""
    closed.trigger("c1")
    refused = unfreeze(closed)
    closed.clock.advance(OPENS - closed.clock.now())
    opened = unfreeze(closed)

    sentence = "The calendar closes stage dev until 2027-01-01T06:00:00+00:00 (day shift)."
    assert (400, "closed_by_calendar", sentence) == (
        refused.status_code, refused.json()["reason"], refused.json()["message"],
    )  # fmt: skip
    assert "applied" == opened.json()["outcome"]


# ---------------------------------------------------------------- exemptions


def test_one_is_let_through_and_the_others_wait(closed: Served) -> None:
    """Who did it and why is kept with the sequence, and among the controls of its delivery."""
    closed.trigger("c1")
    closed.trigger("c2")
    answer = exempt(closed, "c2", actor="ann", reason="a hotfix")
    state = closed.get("/v1/sequence/shop/c2")
    at = f"{closed.clock.now():%Y-%m-%dT%H:%M:%S}.000Z"
    by = {"actor": "ann", "reason": "a hotfix", "at": at}

    assert "applied" == answer.json()["outcome"]
    assert answer.json()["message"].startswith("delivery of carts in stage dev is running since")
    assert (["waiting"], ["running"]) == (phases(closed, "c1"), phases(closed, "c2"))
    assert by == state["sequences"][0]["exempted"]
    assert [{"kind": "exempt", "stage": "dev", "sequence": "c2", **by}] == state["controls"]
    assert {"actor": "ann", "reason": "a hotfix"} == state["explanations"]["c2"]["exempted"]


@pytest.mark.parametrize(
    ("before", "status", "code"),
    [
        (["exempt"], 200, "already_started"),
        (["pause", "exempt"], 200, "already_exempt"),
        (["abort"], 400, "already_ended"),
    ],
)
def test_an_exemption_that_changes_nothing_says_so(
    closed: Served, before: list[str], status: int, code: str
) -> None:
    """A pause still holds one that is exempted."""
    closed.trigger("c1")
    for word in before:
        if word == "exempt":
            exempt(closed, "c1")
        else:
            closed.ask("POST", "/v1/sequence/shop/c1/control", json={"state": word})
    body = (answer := exempt(closed, "c1")).json()

    assert (status, code) == (answer.status_code, body.get("reason") or body["outcome"])
    assert body["message"]


def test_an_exemption_with_a_request_id_is_done_once(closed: Served) -> None:
    """Who sends it again learns that it was done."""
    closed.trigger("c1")
    outcomes = [exempt(closed, "c1", requestId="r1").json()["outcome"] for _ in range(2)]

    assert ["applied", "repeated"] == outcomes


def test_nothing_is_guessed_where_several_stand_in_line(closed: Served) -> None:
    """A stage or the id of a sequence says which; one that has started is passed over."""
    closed.trigger("c1")
    closed.ask("POST", "/v1/project/shop/stage/prod/control", json={"state": "freeze"})
    for known, stage in (("s2", "dev"), ("s3", "prod")):
        scope = {"project": "shop", "stage": stage, "service": "carts"}
        closed.event(f"{stage}.delivery.triggered", scope, id=known, shkeptncontext="c1")
    which = exempt(closed, "c1")
    by_id = exempt(closed, "c1", sequenceId="s2")
    left = exempt(closed, "c1", stage="dev")
    by_stage = exempt(closed, "c1", stage="prod")

    assert (
        400,
        "sequenceId: must say which sequence of context c1: delivery in stage dev, "
        "delivery in stage dev, delivery in stage prod",
    ) == (which.status_code, which.json()["message"])
    assert ["applied"] * 3 == [each.json()["outcome"] for each in (by_id, left, by_stage)]
    assert ["waiting", "running", "running"] == phases(closed, "c1")


@pytest.mark.parametrize(
    ("context", "body", "status", "message"),
    [
        ("c1", {"sequenceId": "none"}, 404, "context c1 has no sequence 'none'"),
        ("c1", {"stage": "prod"}, 404, "context c1 has no sequence in stage 'prod'"),
        ("c1", {"sequenceId": "c1", "stage": "prod"}, 404,
         "context c1 has no sequence 'c1' in stage 'prod'"),
        ("c1", {"reason": 1}, 400, "reason: must be a text, got 1"),
        ("c1", {"unheard": "of"}, 400, "'unheard': no such field, got 'of'"),
        ("none", {}, 404, None),
    ],
)  # fmt: skip
def test_an_exemption_that_cannot_be_read_changes_nothing(
    closed: Served, context: str, body: dict[str, Any], status: int, message: str | None
) -> None:
    """It is answered with what is wrong, in a sentence."""
    closed.trigger("c1")
    answer = exempt(closed, context, **body)

    assert (status, ["waiting"]) == (answer.status_code, phases(closed, "c1"))
    assert message in {None, answer.json()["message"]}


def test_who_lets_one_through_is_whom_the_proxy_names(tmp_path: Path) -> None:
    """Without its word nobody is let through."""
    with Served(tmp_path, actor_header="X-User") as served:
        served.create(calendar=CALENDAR)
        served.trigger("c1")
        refused = exempt(served, "c1", actor="eve")
        exempt(served, "c1", ("X-User", "ann"), actor="eve")
        exempted = served.get("/v1/sequence/shop/c1")["sequences"][0]["exempted"]

    assert (400, "ann") == (refused.status_code, exempted["actor"])


def test_everything_that_is_answered_is_as_the_document_says(closed: Served) -> None:
    """A stage in its window, an exemption, and a delivery that it let through."""
    described = Described(closed.get("/openapi.json"))
    closed.trigger("c1")
    waiting = closed.get("/v1/sequence/shop/c1")
    stages = closed.get("/v1/project/shop/stage")
    answer = exempt(closed, "c1", actor="ann").json()
    bodies = [
        ("Detail", waiting), ("Stages", stages), ("OneControlled", answer),
        ("Detail", closed.get("/v1/sequence/shop/c1")),
    ]  # fmt: skip

    assert [] == [(name, found) for name, body in bodies
                  if (found := described.misfits(name, body))]  # fmt: skip
    assert "exempt" in waiting["permitted"]
