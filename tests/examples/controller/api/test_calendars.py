"""Calendars of projects by the route: kept, shown, asked, changed, and refused if broken."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from sequencectl import FreezeStage
from sequencectl.events import Cause
from sequencectl.state import Freeze
from tests.examples.controller.calendars.files import OPEN_TIMES, event, file
from tests.examples.controller.served import SHIPYARD, Served

HOUR = timedelta(hours=1)


def encoded(text: str) -> str:
    """A text as it is sent."""
    return b64encode(text.encode()).decode()


def window(begin: datetime, end: datetime, *more: str, name: str = "night") -> str:
    """A window of the stage dev."""
    form = "%Y%m%dT%H%M%SZ"
    told = (f"DTEND:{end:{form}}", f"SUMMARY:{name}", "CATEGORIES:dev", *more)
    return event(f"{begin:{form}}", *told)


def change(served: Served, calendar: str | None, **more: Any) -> httpx.Response:
    """Give the project another calendar."""
    body = {"name": "shop", "calendar": calendar if calendar is None else encoded(calendar), **more}
    return served.ask("PUT", "/v1/project", json=body)


def closed(served: Served, hours: float, name: str = "night") -> str:
    """A calendar by which dev is closed since an hour ago and for so many hours."""
    now = served.clock.now().replace(microsecond=0)
    return file(window(now - HOUR, now + hours * HOUR, name=name))


def check_in(served: Served, time: timedelta) -> None:
    """Turn the clock, and have the controller act on what is due by then."""
    served.clock.advance(time)
    served.restart()
    served.run(served.controller.host.at_rest())


def freezes(served: Served) -> dict[str, Freeze]:
    """The freezes of the project."""
    asked = served.controller.host.ask("shop", lambda _, state: dict(state.freezes))
    return served.run(asked)


def test_a_calendar_is_shown_and_kept(served: Served) -> None:
    """As it was sent; a project may be made with one, and has none else."""
    calendar = closed(served, 2)
    without = served.get("/v1/project/shop")["calendar"]
    assert 200 == change(served, calendar).status_code
    body = {"name": "other", "shipyard": encoded(SHIPYARD), "calendar": encoded(calendar)}
    assert 200 == served.ask("POST", "/v1/project", json=body).status_code
    served.restart()

    assert "" == without
    assert calendar == served.get("/v1/project/shop")["calendar"]
    assert [calendar, calendar] == [
        each["calendar"] for each in served.get("/v1/project")["projects"]
    ]


def test_what_is_not_given_stays(served: Served) -> None:
    """A shipyard without a calendar, and the other way round; an empty one takes it away."""
    calendar, other = closed(served, 2), SHIPYARD.replace("prod", "production")
    change(served, calendar).raise_for_status()
    change(served, None, shipyard=encoded(other)).raise_for_status()
    kept = served.get("/v1/project/shop")
    change(served, "", shipyard=None).raise_for_status()
    gone = served.get("/v1/project/shop")

    assert (other, calendar) == (kept["shipyard"], kept["calendar"])
    assert (other, "") == (gone["shipyard"], gone["calendar"])


@pytest.mark.parametrize(
    ("calendar", "message"),
    [
        (encoded("no calendar"), "calendar: line 1: must be a line of iCalendar"),
        (encoded(file(event("20260105T180000", "DURATION:PT1H"))),
         "calendar: line 5: DTSTART: must have a zone"),
        (encoded(file(event("20260105T180000Z", "DURATION:PT1H", "CATEGORIES:qa"))),
         "calendar: CATEGORIES: must name stages of the shipyard (dev, prod), got 'qa'"),
        (encoded(" " * 1_048_577), "calendar: must have at most 1048576 bytes, got 1048577"),
        ("not base64", "calendar: must be a text of UTF-8 in base64"),
        (1, "calendar: must be a text"),
    ],
)  # fmt: skip
def test_a_broken_calendar_is_refused_and_the_old_one_stays(
    served: Served, calendar: Any, message: str
) -> None:
    """With a shipyard beside it, that is not taken either."""
    old = closed(served, 2)
    change(served, old).raise_for_status()
    body = {"name": "shop", "calendar": calendar, "shipyard": encoded(SHIPYARD + "# new\n")}
    changed = served.ask("PUT", "/v1/project", json=body)
    made = served.ask("POST", "/v1/project", json={**body, "name": "new"})
    served.trigger("c1")
    project = served.get("/v1/project/shop")

    assert [400, 400] == [changed.status_code, made.status_code]
    assert [True, True] == [each.json()["message"].startswith(message) for each in (changed, made)]
    assert (old, SHIPYARD) == (project["calendar"], project["shipyard"])
    assert "night" == freezes(served)["dev"].window
    assert 404 == served.ask("GET", "/v1/project/new").status_code


def test_a_closed_stage_starts_nothing_until_it_opens(served: Served) -> None:
    """The next check at that instant lets in who waits; other stages were open all the time."""
    change(served, closed(served, 0.5)).raise_for_status()
    served.trigger("c1")
    served.trigger("c2", stage="prod")
    before = [each["shkeptncontext"] for each in served.open_tasks()]
    freeze = freezes(served)["dev"]
    check_in(served, HOUR / 2)
    after = [each["shkeptncontext"] for each in served.open_tasks()]

    assert (["c2"], ["c1", "c2"]) == (before, sorted(after))
    assert (Cause.CALENDAR, "night") == (freeze.cause, freeze.window)
    assert {} == freezes(served)


def test_a_file_of_opening_times_opens_by_itself(served: Served) -> None:
    """Closed until the next window: that is what is said to keep it back."""
    now = served.clock.now().replace(microsecond=0)
    opening = file(OPEN_TIMES, window(now + HOUR, now + 3 * HOUR, name="office hours"))
    change(served, opening).raise_for_status()
    served.trigger("c1")
    freeze = freezes(served)["dev"]

    assert ("office hours", now + HOUR) == (freeze.window, freeze.until)
    check_in(served, HOUR)
    assert 1 == len(served.open_tasks())


@pytest.mark.parametrize("calendar", ["", "later"])
def test_a_calendar_that_opens_lets_in_at_once(served: Served, calendar: str) -> None:
    """Who waited for the one before starts with the answer, also if there is none any more."""
    change(served, closed(served, 2)).raise_for_status()
    served.trigger("c1")
    assert [] == served.open_tasks()
    later = served.clock.now().replace(microsecond=0) + 5 * HOUR
    change(served, file(window(later, later + HOUR)) if calendar else "").raise_for_status()

    assert ["c1"] == [each["shkeptncontext"] for each in served.open_tasks()]
    assert {} == freezes(served)


def test_a_calendar_that_closes_otherwise_moves_the_end(served: Served) -> None:
    """The freeze takes its end and its name; one that closes as before changes nothing."""
    first = closed(served, 2)
    change(served, first).raise_for_status()
    served.trigger("c1")
    one = freezes(served)["dev"]
    answers = [change(served, first), change(served, first + "X-COMMENT:1")]
    same = freezes(served)["dev"]
    answers.append(change(served, closed(served, 0.5, "audit")))
    other = freezes(served)["dev"]

    assert [200, 400, 200] == [answer.status_code for answer in answers]
    assert one == same
    assert ("audit", "calendar") == (other.window, other.control.actor)
    assert served.clock.now().replace(microsecond=0) + HOUR / 2 == other.until
    assert other.until == served.controller.host.armed_at
    assert [] == served.open_tasks()


def test_a_freeze_of_a_person_is_left_alone(served: Served) -> None:
    """A calendar that opens ends no freeze but those of calendars."""
    change(served, closed(served, 2)).raise_for_status()
    served.trigger("c1")
    handle = served.controller.host.handle
    served.run(handle("shop", FreezeStage("dev", actor="eve", reason="holidays")))
    change(served, "").raise_for_status()

    assert ("eve", Cause.REQUESTED) == (
        freezes(served)["dev"].control.actor, freezes(served)["dev"].cause,
    )  # fmt: skip
    assert [] == served.open_tasks()


def test_a_host_that_ended_before_it_asked_does_so_when_it_starts(served: Served) -> None:
    """A new calendar was taken, and that was all."""
    change(served, closed(served, 2)).raise_for_status()
    served.trigger("c1")
    (decider,) = served.controller.host._deciders
    served.run(decider.run(lambda: decider.projects.update("shop", calendar="")))
    assert [] == served.open_tasks()
    served.restart()

    assert served.run(served.controller.host.project("shop")).is_asked
    assert ["c1"] == [each["shkeptncontext"] for each in served.open_tasks()]


def test_a_project_with_a_closed_stage_is_deleted(served: Served) -> None:
    """Its calendar keeps nothing; a project of the same name has none of it."""
    calendar = closed(served, 2)
    change(served, calendar).raise_for_status()
    served.trigger("c1")
    live = served.ask("DELETE", "/v1/project/shop")
    still = served.get("/v1/project/shop")["calendar"]
    abort = {"state": "abort", "force": True}
    served.ask("POST", "/v1/sequence/shop/c1/control", json=abort).raise_for_status()

    assert (409, calendar) == (live.status_code, still)
    assert 200 == served.ask("DELETE", "/v1/project/shop").status_code
    served.create()
    assert {} == freezes(served)
    served.trigger("c2")
    assert ["c2"] == [each["shkeptncontext"] for each in served.open_tasks()]
