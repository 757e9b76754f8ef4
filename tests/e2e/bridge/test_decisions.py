"""What a person decides on the page: votes, freezes that end, windows, and who is let through."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.bridge.conftest import Pages
from tests.e2e.bridge.test_stories import Press, by_mouse, card, each_way, finish
from tests.e2e.controller.process import Client, Controller

APPROVALS = """
apiVersion: spec.keptn.sh/0.2.2
kind: Shipyard
metadata: {name: sockshop}
spec:
  stages:
    - name: prod
      sequences:
        - name: delivery
          tasks:
            - name: approval
              approval: {approve: 2, reject: 2, initiator: false, newcomer: supersede}
            - name: deployment
"""


@pytest.fixture
def shop(controller: Controller) -> Iterator[Client]:
    """A client of a project in which a delivery to prod is approved and then deployed."""
    with controller.client() as client:
        client.create(shipyard=APPROVALS)
        yield client


def deliver(client: Client, context: str, actor: str = "cora") -> None:
    """Trigger a delivery to prod on behalf of somebody."""
    about = {"id": context, "shkeptncontext": context, "actor": actor}
    client.event("prod.delivery.triggered", {"stage": "prod"}, **about).raise_for_status()


def vote(client: Client, context: str, actor: str, result: str) -> None:
    """Vote as another person."""
    body = {"result": result, "actor": actor, "reason": "tests are red" if result == "fail" else ""}
    client.post(f"/v1/sequence/sockshop/{context}/vote", json=body).raise_for_status()


def act_as(page: Page, name: str) -> None:
    """Say who sits before the page."""
    page.get_by_label("You are").fill(name)


@each_way
def test_an_approval_is_voted_on(
    pages: Pages, controller: Controller, shop: Client, press: Press
) -> None:
    """How many of how many, and whose, is told as votes come; the last one lets it go on."""
    deliver(shop, "one")
    page = pages.open(controller)
    act_as(page, "Ann")
    one = card(page, "one")
    reasons = one.locator(".reasons")
    expect(reasons).to_contain_text("0 of 2 approving votes")
    expect(reasons).to_contain_text("cora may not vote")
    expect(one.locator(".tasks")).to_contain_text("approval open")
    press(one.get_by_role("button", name="Approve"))

    expect(one.locator(".answer")).to_contain_text("Approve: done. ")
    expect(one.locator(".answer")).to_contain_text("1 of 2 approving votes (by Ann)")
    expect(reasons).to_contain_text("1 of 2 approving votes (by Ann)")
    vote(shop, "one", "bob", "fail")
    expect(reasons).to_contain_text("1 of 2 rejecting votes (by bob)")
    vote(shop, "one", "bob", "warning")
    expect(one.locator(".tasks")).to_contain_text("approval warning")
    expect(one.locator(".tasks")).to_contain_text("deployment running")
    expect(one.get_by_role("button", name="Approve")).to_have_count(0)
    one.get_by_role("link").first.click()
    voters = page.locator("#detail table").first.locator("tr", has_text="approval")
    expect(voters).to_contain_text("Ann approves, bob approves with a warning")


def test_a_vote_against_it_has_a_reason(pages: Pages, controller: Controller, shop: Client) -> None:
    """The dialog asks for it, and says how many votes it takes; who voted may change their mind."""
    deliver(shop, "one")
    vote(shop, "one", "bob", "fail")
    page = pages.open(controller)
    act_as(page, "Ann")
    one = card(page, "one")
    by_mouse(one.get_by_role("button", name="Approve"))
    expect(one.locator(".reasons")).to_contain_text("(by Ann)")
    by_mouse(one.get_by_role("button", name="Reject"))
    expect(page.locator("#ask-text")).to_have_text(
        "It takes 2 votes against it to end it as failed."
    )
    page.keyboard.press("Enter")  # without a reason nothing is sent
    expect(page.locator("#ask")).to_be_visible()
    page.keyboard.type("not on a Friday")
    page.keyboard.press("Enter")

    expect(one.locator(".line")).to_have_text("delivery failed")
    expect(one.locator(".answer")).to_contain_text("Reject: done. ")
    expect(one.get_by_role("button")).to_have_count(0)
    (task,) = shop.state("one")["sequences"][0]["tasks"]
    assert ["bob", "Ann", "Ann"] == [each["voter"] for each in task["votes"]]
    assert "not on a Friday" == task["votes"][-1]["message"]


def test_who_may_not_vote_is_told_why(pages: Pages, controller: Controller, shop: Client) -> None:
    """There is no button for whoever triggered it, nor for nobody: the library says so (R32)."""
    deliver(shop, "one")
    page = pages.open(controller)
    one = card(page, "one")
    expect(one.locator(".reasons")).to_contain_text("You cannot vote: ")
    expect(one.locator(".reasons")).to_contain_text("must name its actor")
    act_as(page, "cora")
    expect(one.locator(".reasons")).to_contain_text("cora triggered this sequence")

    expect(one.get_by_role("button", name="Approve")).to_have_count(0)
    act_as(page, "ann")
    expect(one.get_by_role("button", name="Approve")).to_have_count(1)
    expect(one.locator(".reasons")).not_to_contain_text("You cannot vote")


def test_whoever_is_about_to_vote_keeps_the_button(
    pages: Pages, controller: Controller, shop: Client
) -> None:
    """Votes of others change the sentence and take nothing away from whoever has the focus."""
    deliver(shop, "one")
    page = pages.open(controller)
    act_as(page, "ann")
    one = card(page, "one")
    approve = one.get_by_role("button", name="Approve")
    approve.focus()
    vote(shop, "one", "bob", "fail")

    expect(one.locator(".reasons")).to_contain_text("1 of 2 rejecting votes (by bob)")
    expect(approve).to_be_focused()


@pytest.mark.parametrize("word", ["", "vote", "exempt"])
def test_a_button_to_decide_is_there_if_the_library_permits_it(
    pages: Pages, controller: Controller, shop: Client, word: str
) -> None:
    """Whatever the page sees: without its entry in what is permitted there is no button (R32)."""
    deliver(shop, "one")
    freeze = {"state": "freeze"}
    shop.post("/v1/project/sockshop/stage/prod/control", json=freeze).raise_for_status()
    page = pages.context(controller.url).new_page()

    def permit(route: Route) -> None:
        answer = route.fetch()
        found = answer.json()
        for state in found.get("states", [found]):
            state["permitted"] = {word: {"outcome": "applied"}} if word else {}
        route.fulfill(response=answer, json=found)

    page.route(re.compile(r"/v1/sequence/sockshop[/?]"), permit)
    page.goto(f"{controller.url}/bridge/#/sockshop")

    expect(card(page, "one").locator(".reasons")).to_contain_text("0 of 2 approving votes")
    shown = card(page, "one").locator("[data-do]:visible")
    expected = {"": [], "vote": ["approve", "reject"], "exempt": ["exempt"]}[word]
    assert expected == [each.get_attribute("data-do") for each in shown.all()]


def test_an_approval_that_is_void_says_so(
    pages: Pages, controller: Controller, shop: Client
) -> None:
    """A newer delivery takes its place while somebody looks at it, and its buttons are gone."""
    deliver(shop, "old")
    page = pages.open(controller)
    act_as(page, "ann")
    old = card(page, "old")
    expect(old.get_by_role("button", name="Approve")).to_have_count(1)
    deliver(shop, "new")

    expect(old.locator(".line")).to_have_text("delivery superseded")
    expect(old.locator(".reasons")).to_contain_text("approval is void")
    expect(old.get_by_role("button")).to_have_count(0)
    expect(card(page, "new").get_by_role("button", name="Approve")).to_have_count(1)


def test_one_is_let_through_a_frozen_stage(
    pages: Pages, controller: Controller, shop: Client
) -> None:
    """With a reason, which stays with it; what waits beside it waits on."""
    page = pages.open(controller)
    act_as(page, "Ann")
    stage = page.locator("#stages > li").first
    by_mouse(stage.get_by_role("button", name="Freeze… prod"))
    page.keyboard.type("weekend")
    page.locator("#freeze-until").select_option("4")
    page.locator("#freeze-go").click()
    expect(stage.locator(".answer")).to_have_text("Freeze: done.")
    deliver(shop, "one")
    one = card(page, "one")
    expect(one.locator(".reasons")).to_contain_text("the stage is frozen until")
    expect(one.locator(".reasons")).to_contain_text("by Ann: weekend")
    by_mouse(one.get_by_role("button", name="Let through"))
    expect(page.locator("#ask-title")).to_have_text("Let delivery of carts through?")
    page.keyboard.type("payments are down")
    page.keyboard.press("Enter")

    expect(one.locator(".line")).to_have_text("delivery running")
    expect(one.locator(".reasons")).to_contain_text("Let through by Ann: payments are down")
    expect(one.get_by_role("button", name="Let through")).to_have_count(0)
    (control,) = shop.state("one")["controls"]
    assert ("exempt", "payments are down") == (control["kind"], control["reason"])


def test_what_waits_in_an_open_stage_is_not_let_through(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """Where nothing is frozen there is nothing to be let through."""
    client.trigger("one")
    client.trigger("two")
    page = pages.open(controller)

    expect(card(page, "two").locator(".line")).to_have_text("delivery waiting")
    expect(card(page, "two").get_by_role("button", name="Abort")).to_have_count(1)
    expect(card(page, "two").get_by_role("button", name="Let through")).to_have_count(0)


@pytest.mark.parametrize(
    ("choice", "hours"), [("", None), ("1", 1), ("4", 4), ("at", 30)], ids=["good", "1", "4", "at"]
)
def test_a_freeze_lasts_as_long_as_it_is_chosen(
    pages: Pages, controller: Controller, client: Client, choice: str, hours: int | None
) -> None:
    """For good, for one or four hours, or until an instant of one's own time zone."""
    page = pages.open(controller, timezone_id="Asia/Kathmandu")
    stage = page.locator("#stages > li").first
    stage.get_by_role("button", name="Freeze… dev").click()
    expect(page.locator("#freeze-at")).to_be_hidden()
    page.locator("#freeze-until").select_option(choice)
    begin = datetime.now(UTC).replace(second=0, microsecond=0)
    if choice == "at":
        there = begin + timedelta(hours=30 + 5, minutes=45)
        page.locator("#freeze-at").fill(f"{there:%Y-%m-%dT%H:%M}")
    page.locator("#freeze-go").click()
    expect(stage.locator(".answer")).to_have_text("Freeze: done.")

    (frozen,) = [
        each["frozen"]
        for each in client.get("/v1/project/sockshop/stage").json()["stages"]
        if each["stageName"] == "dev"
    ]
    if hours is None:
        assert frozen["until"] is None
        expect(stage.locator(".frozen")).not_to_contain_text("until")
        return
    lasts = datetime.fromisoformat(frozen["until"]) - begin
    assert timedelta(hours=hours) <= lasts < timedelta(hours=hours, minutes=10)
    expect(stage.locator(".frozen")).to_contain_text("until")


def test_a_freeze_that_would_be_over_is_refused(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """An instant in the past is answered with the library's sentence, and nothing is frozen."""
    pages.permitted.append("status of 400")
    page = pages.open(controller)
    stage = page.locator("#stages > li").first
    stage.get_by_role("button", name="Freeze… dev").click()
    page.locator("#freeze-until").select_option("at")
    page.locator("#freeze-go").click()  # without an instant nothing is sent
    expect(page.locator("#freeze")).to_be_visible()
    page.locator("#freeze-at").fill("2020-01-01T12:00")
    page.locator("#freeze-go").click()

    expect(stage.locator(".answer")).to_contain_text("Freeze: refused. The freeze would have ended")
    expect(stage.locator(".frozen")).to_be_hidden()


def calendar_of(begin: datetime, end: datetime) -> str:
    """A calendar file by which prod is closed at night, as it is sent."""
    form = "%Y%m%dT%H%M%SZ"
    lines = (
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test", "BEGIN:VEVENT", "UID:night",
        "SUMMARY:night", "CATEGORIES:prod", f"DTSTART:{begin:{form}}", f"DTEND:{end:{form}}",
        "END:VEVENT", "END:VCALENDAR", "",
    )  # fmt: skip
    return b64encode("\r\n".join(lines).encode()).decode()


def test_a_calendar_file_closes_a_stage_and_one_is_let_through(
    pages: Pages, controller: Controller, shop: Client
) -> None:
    """The window has its name, nobody unfreezes against it, and one starts all the same."""
    pages.permitted.append("status of 400")
    now, hour = datetime.now(UTC).replace(microsecond=0), timedelta(hours=1)
    project = {"name": "sockshop", "calendar": calendar_of(now - hour, now + 2 * hour)}
    shop.put("/v1/project", json=project).raise_for_status()
    page = pages.open(controller)
    act_as(page, "ann")
    stage = page.locator("#stages > li").first
    expect(stage.locator(".frozen")).to_contain_text("Closed by the calendar until")
    expect(stage.locator(".frozen")).to_contain_text("(night)")
    deliver(shop, "one")
    one = card(page, "one")
    expect(one.locator(".reasons")).to_contain_text("the calendar closes the stage until")
    by_mouse(stage.get_by_role("button", name="Unfreeze… prod"))
    expect(page.locator("#freeze-text")).to_contain_text("The calendar is asked again")
    page.keyboard.press("Enter")

    refused = "Unfreeze: refused. The calendar closes stage prod until"
    expect(stage.locator(".answer")).to_contain_text(refused)
    by_mouse(one.get_by_role("button", name="Let through"))
    page.keyboard.press("Enter")
    expect(one.locator(".line")).to_have_text("delivery running")
    expect(one.locator(".reasons")).to_contain_text("Let through by ann")
    expect(stage.locator(".frozen")).to_contain_text("(night)")


NIGHT = {"open": False, "until": "2099-01-02T06:00:00.000Z", "name": "night"}
DAY = {"open": True, "until": "2099-01-02T22:00:00.000Z", "name": "office hours"}


CLOSED = "Closed by the calendar until 06:00:00, 2 Jan (night)"


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    ("calendar", "is_frozen", "sentence"),
    [
        (NIGHT, False, CLOSED),
        (NIGHT, True, CLOSED),
        ({**NIGHT, "until": None}, True, "Closed by the calendar for good (night)"),
        (DAY, False, "The calendar keeps it open until 22:00:00, 2 Jan (office hours)"),
    ],
)
def test_a_window_says_what_it_is(
    pages: Pages, controller: Controller, calendar: dict[str, Any], is_frozen: bool, sentence: str
) -> None:
    """Until when the calendar closes a stage, or keeps it open, and the name of the window."""
    page = pages.context(controller.url, timezone_id="UTC").new_page()

    def answer(route: Route) -> None:
        found = route.fetch()
        project = found.json()
        window = {"window": calendar["name"], "until": calendar["until"], "cause": "calendar"}
        by = {"actor": "", "reason": "", "since": "2099-01-01T22:00:00.000Z"}
        project["stages"][0]["calendar"] = calendar
        project["stages"][0]["frozen"] = {**window, **by} if is_frozen else None
        route.fulfill(response=found, json=project)

    page.route("**/v1/project/sockshop", answer)
    page.goto(f"{controller.url}/bridge/#/sockshop")

    stage = page.locator("#stages > li").first
    expect(stage.locator("p:visible", has_text="alendar")).to_have_text(sentence)
    name = "Unfreeze… dev" if is_frozen else "Freeze… dev"
    expect(stage.get_by_role("button", name=name, exact=True)).to_have_count(1)


def test_a_window_that_is_over_is_asked_about_again(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """Nobody tells the page that a window opens where nothing waits: it asks at that instant."""
    page = pages.context(controller.url).new_page()
    asked: list[dict[str, Any]] = [
        {**NIGHT, "until": "2020-01-01T06:00:00.000Z"},
        {**DAY, "name": "the next day"},
    ]

    def answer(route: Route) -> None:
        found = route.fetch()
        project = found.json()
        project["stages"][0]["calendar"] = asked[0] if len(asked) == 1 else asked.pop(0)
        route.fulfill(response=found, json=project)

    page.route("**/v1/project/sockshop", answer)
    page.goto(f"{controller.url}/bridge/#/sockshop")

    expect(page.locator("#stages > li").first).to_contain_text("(the next day)")
    expect(page.locator("#stages > li").first.locator(".frozen")).to_be_hidden()


def test_finishing_is_no_vote(pages: Pages, controller: Controller, client: Client) -> None:
    """A task that executors work on has no buttons to vote, and waits for no votes."""
    client.trigger("one")
    page = pages.open(controller)
    act_as(page, "ann")

    expect(card(page, "one").get_by_role("button", name="Pause")).to_have_count(1)
    expect(card(page, "one").locator(".reasons")).to_be_empty()
    expect(card(page, "one").get_by_role("button", name="Approve")).to_have_count(0)
    finish(client, "deployment")
    expect(card(page, "one").locator(".tasks")).to_contain_text("deployment pass")
