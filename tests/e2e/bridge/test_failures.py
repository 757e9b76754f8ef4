"""What follows a failure on the page: another attempt, parking, a skip, a redrive; and progress."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.bridge.conftest import Pages
from tests.e2e.bridge.test_decisions import act_as
from tests.e2e.bridge.test_page import MARKUP, PHONE, assert_fits, examine
from tests.e2e.bridge.test_stories import by_keyboard, by_mouse, card
from tests.e2e.controller.process import Client, Controller, until

SHIPYARD = """
apiVersion: spec.keptn.sh/0.2.2
kind: Shipyard
metadata: {name: sockshop}
spec:
  stages:
    - name: dev
      sequences:
        - name: delivery
          onFailure: park
          tasks: [{name: build}, {name: test, retry: {times: 2}}, {name: release}]
        - name: watch
          tasks:
            - name: ping
              timeouts: {reaction: 300ms}
              retry: {times: 1, backoff: 1h, on: [timed_out]}
        - name: promotion
          tasks: [{name: check}, {name: "2"}]
"""


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """One controller for all of these tests, in which services do not wait for each other."""
    folder = tmp_path_factory.mktemp("controller")
    with Controller(folder, "--reaction", "1h", "--scope", "service") as started:
        yield started


@pytest.fixture(scope="module")
def client(controller: Controller) -> Iterator[Client]:
    """Its client, with a project."""
    with controller.client() as client:
        client.create(shipyard=SHIPYARD)
        yield client


def trigger(client: Client, context: str, sequence: str = "delivery", own: str = "") -> None:
    """Trigger a sequence of a service of its own."""
    about = {"id": own or context, "shkeptncontext": context}
    data = {"service": own or context}
    client.event(f"dev.{sequence}.triggered", data, **about).raise_for_status()


def report(client: Client, context: str, word: str, **data: Any) -> None:
    """Report of the task in flight, as its executor."""
    (task,) = until(lambda: in_flight(client, context))
    about = {
        "triggeredid": task["id"],
        "shkeptncontext": context,
        "source": data.pop("source", "ci"),
    }
    data = {"service": context, **data}
    client.event(f"{task['name']}.{word}", data, **about).raise_for_status()


def in_flight(client: Client, context: str) -> list[dict[str, Any]]:
    """Return the task in flight, if there is one."""
    tasks = client.state(context)["sequences"][-1]["tasks"]
    return [each for each in tasks if each["finishedAt"] is None]


def park(client: Client, context: str, message: str = "no space left", *, own: str = "") -> None:
    """Trigger a delivery and let its first task fail."""
    trigger(client, context, own=own)
    report(client, context, "finished", result="fail", message=message)


def opened(pages: Pages, controller: Controller, context: str, **look: Any) -> tuple[Page, Locator]:
    """A page of Ann on which a delivery is opened by itself."""
    page = pages.open(controller, f"#/sockshop/{context}", **look)
    act_as(page, "Ann")
    return page, page.locator("#detail")


def test_a_parked_one_is_retried(pages: Pages, controller: Controller, client: Client) -> None:
    """It says until when it is parked, why, and what gets it out; a retry is another attempt."""
    park(client, "retried")
    page = pages.open(controller)
    act_as(page, "Ann")
    one = card(page, "retried")
    expect(one.locator(".line")).to_have_text("delivery parked")
    expect(one.locator(".word")).to_have_text("parked")
    expect(one.locator('[data-kind="wait"]')).to_have_text("parked")
    expect(one.locator(".reasons")).to_contain_text("Parked at build in dev until ")
    expect(one.locator(".reasons")).to_contain_text("a retry, a skip or an abort gets it out")
    expect(one.locator(".reasons")).to_contain_text(
        "Attempt 1 at build in dev failed: no space left"
    )
    by_keyboard(one.get_by_role("button", name="Retry"))

    expect(one.locator(".answer")).to_contain_text("Retry: done. ")
    expect(one.locator(".tasks")).to_contain_text("build running, attempt 2 of 2")
    expect(one.locator(".reasons")).to_contain_text(
        "Attempt 1 at build in dev failed: no space left"
    )
    expect(one.locator(".reasons")).not_to_contain_text("Parked")
    expect(one.get_by_role("button", name="Retry")).to_have_count(0)
    expect(one.get_by_role("button", name="Pause")).to_be_focused()
    report(client, "retried", "finished", result="pass")
    expect(one.locator(".tasks")).to_contain_text("build pass, attempt 2 of 2")
    expect(one.locator(".tasks")).to_contain_text("test running, attempt 1 of 3")


def test_a_parked_one_is_skipped_with_a_reason(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """A person says what the task counts as, and why; it is shown as skipped ever after."""
    park(client, "by-hand")
    page, one = opened(pages, controller, "by-hand")
    by_mouse(one.get_by_role("button", name="Skip"))
    expect(page.locator("#ask-title")).to_have_text("Skip build in dev?")
    expect(page.get_by_label("Result")).to_be_focused()
    page.get_by_label("Result").select_option("warning")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # without a reason nothing is sent
    expect(page.locator("#ask")).to_be_visible()
    page.keyboard.type("built by hand")
    page.keyboard.press("Enter")

    expect(one.locator(".answer")).to_contain_text("Skip: done. ")
    expect(one.locator(".tasks")).to_contain_text("build skipped, warning")
    expect(one.locator(".tasks")).to_contain_text("test running, attempt 1 of 3")
    expect(one.locator(".reasons")).to_be_empty()
    run = one.locator("table").first.locator("tr", has_text="build")
    expect(run).to_contain_text("skipped, warning by Ann: built by hand; it failed: no space left")
    audit = one.locator("section", has_text="Controls").locator("tbody tr")
    expect(audit).to_have_count(1)
    assert ["skip", "dev", "Ann", "built by hand"] == audit.locator("td").all_inner_texts()[1:]


def test_several_parked_ones_are_decided_one_by_one(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """A button says which sequence it is about where several of a delivery are parked."""
    park(client, "several")
    park(client, "several", own="another")
    page = pages.open(controller)
    one = card(page, "several")
    by_mouse(one.get_by_role("button", name="Retry delivery in dev"))

    expect(one.locator(".row").first.locator(".tasks")).to_contain_text("build running")
    expect(one.locator(".row").last.locator(".word")).to_have_text("parked")
    by_mouse(one.get_by_role("button", name="Retry several", exact=True))
    expect(one.locator(".row").last.locator(".tasks")).to_contain_text("build running")


def test_how_far_executors_are_is_shown(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """Each with its bar, its message and its age, which moves; what is over shows none."""
    trigger(client, "works")
    report(client, "works", "finished", result="pass")
    report(client, "works", "finished", result="fail", message="2 of 9 red")
    page = pages.open(controller)
    one = card(page, "works")
    tasks = one.locator(".tasks li")
    expect(tasks).to_contain_text(["build pass", "test running, attempt 2 of 3", "release planned"])
    expect(one.locator(".reasons")).to_contain_text("Attempt 1 at test in dev failed: 2 of 9 red")
    report(client, "works", "started", source="a")
    report(client, "works", "started", source="b")
    report(client, "works", "status.changed", source="a", percent=40, message=MARKUP)
    report(client, "works", "status.changed", source="b", message="still at it")

    bar = one.get_by_role("progressbar", name="test by a")
    expect(bar).to_have_js_property("value", 40)
    expect(bar).to_have_text("40 %")
    expect(one.get_by_role("progressbar")).to_have_count(1)
    working = one.locator(".at-work li")
    expect(working).to_have_count(2)
    expect(working.first).to_contain_text(f"40 %, {MARKUP}")
    expect(working.last).to_contain_text("still at it")
    assert 0 == page.locator("main img, main script, main b").count()
    age = working.first.locator("span").last
    first = age.inner_text()
    expect(age).not_to_have_text(first)
    assert first.endswith(" ago")
    report(client, "works", "finished", source="a", result="pass")
    expect(working).to_have_count(1)
    expect(working.last).to_contain_text("still at it")
    report(client, "works", "finished", source="b", result="pass")
    expect(one.locator(".tasks")).to_contain_text("test pass, attempt 2 of 3")
    expect(working).to_have_count(0)
    expect(one.locator(".reasons")).to_be_empty()
    report(client, "works", "status.changed", source="c", percent=90)
    expect(working).to_have_count(1)
    report(client, "works", "finished", result="pass")
    expect(one.locator(".line")).to_have_text("delivery finished")
    expect(working).to_have_count(0)


def test_a_parked_one_under_a_pause_says_both(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """A retry waits for the resume, and then the attempt begins."""
    park(client, "both")
    page = pages.open(controller)
    act_as(page, "Ann")
    one = card(page, "both")
    by_mouse(one.get_by_role("button", name="Pause"))

    expect(one.locator(".line")).to_have_text("delivery paused")
    expect(one.locator(".word")).to_have_text("parked, paused")
    expect(one.locator(".reasons")).to_contain_text("Parked at build in dev until ")
    expect(one.locator(".reasons")).to_contain_text("Paused since ")
    by_mouse(one.get_by_role("button", name="Retry"))
    expect(one.locator(".word")).to_have_text("paused")
    expect(one.locator(".reasons")).to_contain_text("Attempt 1 at build in dev failed")
    by_mouse(one.get_by_role("button", name="Resume"))
    expect(one.locator(".tasks")).to_contain_text("build running, attempt 2 of 2")
    client.control("both", "pause")
    report(client, "both", "finished", result="pass")
    expect(one.locator(".word")).to_have_text("paused")
    expect(one.locator(".reasons")).not_to_contain_text("failed")


def test_a_failed_one_is_redriven_from_a_task_of_ones_choice(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """The new sequence is a row of its own, tasks before are carried, and each links to the other.

    A click that is two makes one.
    """
    trigger(client, "again", "promotion")
    report(client, "again", "finished", result="warning")
    report(client, "again", "finished", result="fail")
    page, one = opened(pages, controller, "again")
    rows = one.locator(".row")
    by_keyboard(one.get_by_role("button", name="Redrive"))
    expect(page.locator("#ask-title")).to_have_text("Redrive promotion in dev?")
    choice = page.get_by_label("Begin with")
    expect(choice).to_be_focused()
    expect(page.locator("#ask-reason")).to_be_hidden()
    assert ["the one at which it ended", "check", "2"] == choice.locator("option").all_inner_texts()
    page.locator("#ask-go").dblclick()

    expect(one.locator(".answer")).to_contain_text("Redrive: done. ")
    expect(rows).to_have_count(2)
    expect(rows.last.locator(".tasks")).to_contain_text("check carried, warning")
    expect(rows.last.locator(".tasks")).to_contain_text("2 running")
    expect(one.get_by_role("button", name="Redrive")).to_have_count(0)
    expect(rows.last.locator(".kin")).to_contain_text("redrives ")
    expect(rows.first.locator(".kin")).to_contain_text("redriven by ")
    by_keyboard(rows.first.get_by_role("link"))
    expect(rows.last).to_be_focused()
    expect(one.locator("[aria-current=true]")).to_have_count(1)
    by_keyboard(rows.last.get_by_role("link"))
    expect(rows.first).to_be_focused()
    report(client, "again", "finished", result="fail", message="red again")
    by_mouse(one.get_by_role("button", name="Redrive"))
    choice.select_option("check")
    by_mouse(page.locator("#ask-go"))
    expect(rows).to_have_count(3)
    expect(rows.last.locator(".tasks")).to_contain_text("check running")
    expect(rows.nth(1).locator(".kin a")).to_have_count(2)
    page.reload()
    expect(rows).to_have_count(3)


def test_two_who_redrive_at_once_make_one(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """The dialog keeps the id that it was opened with: the second is told that it is done."""
    trigger(client, "two", "promotion")
    report(client, "two", "finished", result="fail")
    (page, one), (other, another) = (opened(pages, controller, "two") for _ in range(2))
    for each in (one, another):
        by_mouse(each.get_by_role("button", name="Redrive"))
    by_mouse(page.locator("#ask-go"))
    by_mouse(other.locator("#ask-go"))

    expect(one.locator(".answer")).to_contain_text("Redrive: done. ")
    expect(another.locator(".answer")).to_contain_text("Redrive: nothing changed (duplicate). ")
    expect(another.locator(".row")).to_have_count(2)
    assert 2 == len(client.state("two")["sequences"])


def test_two_clicks_are_one(pages: Pages, controller: Controller, client: Client) -> None:
    """The second of a double click is none while the first is on its way; the reason goes along."""
    park(client, "clicks")
    page, one = opened(pages, controller, "clicks")
    sent: list[str] = []
    page.on("request", lambda each: sent.append(each.url) if each.method == "POST" else None)
    retry = one.get_by_role("button", name="Retry")
    one.get_by_label("Reason").fill("the disk is empty")
    retry.evaluate("button => { button.click(); button.click(); }")

    expect(one.locator(".answer")).to_contain_text("Retry: done. ")
    assert [f"{controller.url}/v1/sequence/sockshop/clicks/retry"] == sent
    assert ["the disk is empty"] == [each["reason"] for each in client.state("clicks")["controls"]]
    report(client, "clicks", "finished", result="fail")
    by_mouse(retry)
    expect(one.locator(".tasks")).to_contain_text("attempt 3 of 3")


def test_an_attempt_that_waits_says_until_when(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """Why the one before failed is said once."""
    trigger(client, "waits", "watch")
    _, one = opened(pages, controller, "waits")
    reasons = one.locator(".reasons li")

    expect(reasons).to_have_count(2)
    expect(reasons.first).to_contain_text("Attempt 1 at ping in dev failed: Nobody reacted")
    expect(reasons.last).to_contain_text("The next attempt at ping in dev is due at ")
    expect(one.locator("table").first).to_contain_text("timed out: Nobody reacted")


@pytest.mark.parametrize("word", ["retry", "skip", "redrive"])
def test_a_button_after_a_failure_is_there_if_the_library_permits_it(
    pages: Pages, controller: Controller, client: Client, word: str
) -> None:
    """Whatever the page sees: without its entry in what is permitted there is no button (R32)."""
    contexts = [f"{word}-parked", f"{word}-failed"]
    park(client, contexts[0])
    trigger(client, contexts[1], "promotion")
    report(client, contexts[1], "finished", result="fail")
    page = pages.context(controller.url).new_page()

    def permit(route: Route) -> None:
        answer = route.fetch()
        found = answer.json()
        refused = {"outcome": "rejected", "code": "too_many_attempts", "message": "No more."}
        found["permitted"] = {}
        for each in found["explanations"].values():
            each["permitted"] = dict.fromkeys(("retry", "skip", "redrive"), refused)
            each["permitted"] |= {word: {"outcome": "applied"}}
        route.fulfill(response=answer, json=found)

    page.route(re.compile(r"/v1/sequence/sockshop/"), permit)
    shown = page.locator("#detail [data-do]:visible")
    page.goto(f"{controller.url}/bridge/#/sockshop/{contexts[0]}")
    expect(page.locator("#detail .reasons")).to_contain_text("Parked at build")
    expect(
        page.locator("#detail .reasons", has_text="It cannot be retried: No more.")
    ).to_have_count(int(word != "retry"))
    assert_are(shown, [word] * (word in {"retry", "skip"}))
    page.goto(f"{controller.url}/bridge/#/sockshop/{contexts[1]}")
    expect(page.locator("#detail .word")).to_have_text("promotion: finished, fail")
    expect(
        page.locator("#detail .reasons", has_text="It cannot be redriven: No more.")
    ).to_have_count(int(word != "redrive"))
    assert_are(shown, [word] * (word == "redrive"))
    page.unroute_all(behavior="ignoreErrors")
    by_mouse(page.get_by_role("link", name="All deliveries"))
    expect(card(page, contexts[1]).get_by_role("button")).to_have_count(0)


def assert_are(buttons: Locator, words: list[str]) -> None:
    """These are the buttons that do this."""
    expect(buttons).to_have_count(len(words))
    assert words == [each.get_attribute("data-do") for each in buttons.all()]


def test_nobody_is_kept_out_after_a_failure(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """What works, is redriven or parked, and a dialog with a choice: nothing serious, all fits."""
    trigger(client, "seen", "promotion")
    report(client, "seen", "finished", result="pass")
    report(client, "seen", "finished", result="fail", message="w" * 200)
    look: dict[str, Any] = {"color_scheme": "dark", "viewport": PHONE}
    page, one = opened(pages, controller, "seen", **look)
    by_mouse(one.get_by_role("button", name="Redrive"))
    by_mouse(page.locator("#ask-go"))
    expect(one.locator(".row")).to_have_count(2)
    report(client, "seen", "started")
    report(client, "seen", "status.changed", percent=40, message="w" * 200)
    expect(one.get_by_role("progressbar")).to_have_count(1)
    examine(page)
    park(client, "sight", "w" * 200)
    page.goto(f"{controller.url}/bridge/#/sockshop?service=sight")
    by_mouse(card(page, "sight").get_by_role("button", name="Skip"))
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 800})
    examine(page)
    page.keyboard.press("Escape")
    assert_fits(page)
