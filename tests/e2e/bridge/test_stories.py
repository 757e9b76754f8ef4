"""The user stories of the proposal, by mouse and by keyboard, and what a person sees of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.bridge.conftest import Pages
from tests.e2e.controller.process import PATIENCE, ROOT, Client, Controller, until

Press: TypeAlias = Callable[[Locator], None]

expect.set_options(timeout=PATIENCE * 1000)


def by_mouse(button: Locator) -> None:
    """Click it."""
    button.click()


def by_keyboard(button: Locator) -> None:
    """Go to it with the Tab key, from wherever the focus is, and press Enter."""
    page = button.page
    expect(button).to_be_visible()
    for _ in range(200):
        if button.evaluate("element => element === document.activeElement"):
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    raise AssertionError("the Tab key does not lead there")


each_way = pytest.mark.parametrize("press", [by_mouse, by_keyboard])


def card(page: Page, context: str) -> Locator:
    """The card of a delivery in the list."""
    return page.locator(f'#deliveries [data-context="{context}"]')


def finish(client: Client, task: str, result: str = "pass") -> None:
    """Finish the open task of a name."""
    client.finish(until(lambda: client.open_tasks(task))[0], result).raise_for_status()


@contextmanager
def executors(controller: Controller, *tasks: str) -> Iterator[None]:
    """Executors of these tasks, each a process of its own."""
    with ExitStack() as opened:
        for task in tasks:
            command = [sys.executable, "-m", "examples.executor", task, "--duration", "0.05"]
            process = subprocess.Popen([*command, "--endpoint", controller.url], cwd=ROOT)
            opened.callback(process.wait, PATIENCE)
            opened.callback(process.kill)
        yield


def test_a_second_delivery_waits_and_says_for_whom(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """Its place in line and the holder, and both move on by themselves as executors work."""
    page = pages.open(controller)
    expect(page.locator("#list-note")).to_contain_text("Nothing has been delivered yet")
    image: Any = {
        "configurationChange": {"values": {"image": "docker.io/keptnexamples/carts:0.11.1"}}
    }
    client.trigger("one", **image)
    client.trigger("two")
    client.trigger("three")

    expect(card(page, "one").locator(".line")).to_have_text("delivery running")
    expect(card(page, "two").locator(".line")).to_have_text("delivery waiting")
    expect(card(page, "two").locator(".reasons")).to_contain_text("1st in line in dev, held by")
    expect(card(page, "three").locator(".reasons")).to_contain_text("2nd in line in dev, held by")
    card(page, "three").get_by_role("link", name="carts:0.11.1 one").click()
    expect(page.locator("#detail .line")).to_have_text("delivery running")
    page.go_back()
    with executors(controller, "deployment", "test"):
        for context in ("one", "two", "three"):
            expect(card(page, context).locator(".line")).to_have_text("delivery finished")
            expect(card(page, context).locator(".row")).to_have_count(2)
    expect(card(page, "two").locator('[data-kind="wait"]').first).to_be_attached()
    expect(card(page, "one").locator('[data-kind="good"]')).to_have_count(3)


@pytest.mark.parametrize("controller", [{"reaction": "300ms"}], indirect=True)
def test_a_task_that_nobody_reacts_to_explains_itself(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """The sentence of the controller, on the card and in the detail."""
    page = pages.open(controller)
    client.trigger("one")

    expect(card(page, "one").locator(".line")).to_have_text("delivery timed out")
    expect(card(page, "one").locator(".reasons")).to_have_text(
        "Nobody reacted to task deployment in stage dev within 300ms; it was terminated."
    )
    expect(card(page, "one").get_by_role("button")).to_have_count(0)
    card(page, "one").get_by_role("link").first.click()
    expect(page.locator("#detail table").first).to_contain_text("timed out")


@each_way
def test_a_delivery_is_paused_resumed_and_aborted(
    pages: Pages, controller: Controller, client: Client, press: Press
) -> None:
    """Buttons are there exactly when they can act; draining is visible; the audit has it all."""
    page = pages.open(controller)
    page.get_by_label("You are").fill("Ann")
    client.trigger("one")
    one = card(page, "one")
    press(one.get_by_role("button", name="Pause"))

    expect(one.locator(".line")).to_have_text("delivery paused (pausing: waits for deployment)")
    expect(one.locator(".answer")).to_have_text("Pause: done.")
    expect(one.get_by_role("button", name="Pause")).to_have_count(0)
    expect(one.get_by_role("button", name="Resume")).to_be_focused()
    expect(page.locator("#live")).to_contain_text("Pause: done.")
    finish(client, "deployment")
    expect(one.locator(".line")).to_have_text("delivery paused")
    expect(one.locator('[data-kind="pause"]')).to_have_count(1)
    press(one.get_by_role("button", name="Resume"))
    expect(one.locator(".line")).to_have_text("delivery resumed")
    press(one.get_by_role("button", name="Abort"))
    expect(page.locator("#abort-text")).to_contain_text("ends as soon as this task")
    expect(page.locator("#abandoned")).to_have_text("test in dev")
    page.keyboard.type("wrong version")
    press(page.locator("#abort-go"))
    expect(one.locator(".line")).to_have_text("delivery aborted (aborting: waits for test)")
    expect(one.locator(".reasons")).to_contain_text(
        "The abort by Ann (wrong version) waits for task test until"
    )
    expect(one.locator(".reasons")).to_contain_text("at most; force ends it at once.")
    expect(one.get_by_role("button", name="Abort")).to_have_count(0)
    press(one.get_by_role("button", name="Force"))
    expect(page.locator("#abort-text")).to_contain_text("abandons this task")
    expect(page.locator("#abandoned")).to_have_text("test in dev")
    press(page.locator("#abort-go"))
    expect(one.locator(".line")).to_have_text("delivery aborted")
    expect(one.get_by_role("button")).to_have_count(0)
    press(one.get_by_role("link").first)
    page.reload()
    expect(page.get_by_label("You are")).to_have_value("Ann")
    audit = page.locator("#detail section", has_text="Controls").locator("tbody tr")
    expect(audit).to_have_count(4)
    assert [
        ["force", "dev", "Ann", "—"],
        ["abort", "dev", "Ann", "wrong version"],
        ["resume", "everywhere", "Ann", "—"],
        ["pause", "everywhere", "Ann", "—"],
    ] == [row.locator("td").all_inner_texts()[1:] for row in audit.all()]


@each_way
def test_a_stage_is_frozen_and_unfrozen_with_a_reason(
    pages: Pages, controller: Controller, client: Client, press: Press
) -> None:
    """Who, since when and why is seen by everybody; what waits says that the stage is frozen."""
    page, other = pages.open(controller), pages.open(controller)
    page.get_by_label("You are").fill("Ann")
    stage = page.locator("#stages > li").first
    press(stage.get_by_role("button", name="Freeze… dev"))
    page.keyboard.type("release night")
    page.keyboard.press("Enter")

    for each in (page, other):
        frozen = each.locator("#stages > li").first.locator(".frozen")
        expect(frozen).to_contain_text("by Ann: release night")
    expect(stage.locator(".answer")).to_have_text("Freeze: done.")
    client.trigger("one")
    expect(card(page, "one").locator(".reasons")).to_contain_text("the stage is frozen by Ann")
    press(stage.get_by_role("button", name="Unfreeze… dev"))
    page.keyboard.press("Enter")
    expect(card(page, "one").locator(".line")).to_have_text("delivery running")
    expect(other.locator("#stages .frozen").first).to_be_hidden()


def test_force_is_a_second_step_of_abort(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """It says what is abandoned; leaving the dialog changes nothing and gives the focus back."""
    client.trigger("one")
    page = pages.open(controller)
    abort = card(page, "one").get_by_role("button", name="Abort")
    abort.click()
    page.keyboard.press("Escape")
    expect(abort).to_be_focused()
    abort.click()
    page.locator("#abort-force").click()
    expect(page.locator("#abort-title")).to_have_text("Force the end of delivery of carts?")
    page.locator("#abort-reason").fill("nobody works on it")
    page.locator("#abort-go").click()

    expect(card(page, "one").locator(".line")).to_have_text("delivery aborted")
    (control,) = client.state("one")["controls"]
    assert ("force", "nobody works on it") == (control["kind"], control["reason"])


def test_force_is_no_step_where_nothing_is_in_flight(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """What waits in line ends at once by an abort, and no task is there to abandon (R22)."""
    client.trigger("one")
    client.trigger("two")
    page = pages.open(controller)
    card(page, "two").get_by_role("button", name="Abort").click()

    expect(page.locator("#abort-text")).to_contain_text("Nothing is in flight")
    expect(page.locator("#abort-force")).to_be_hidden()
    expect(card(page, "two").locator("[data-do=force]")).to_be_hidden()


@pytest.mark.parametrize("word", ["", "pause", "resume", "abort", "force"])
def test_a_button_is_there_if_the_library_permits_it(
    pages: Pages, controller: Controller, client: Client, word: str
) -> None:
    """Whatever phase the page sees: a row that the library has forgotten has no button (R32)."""
    client.trigger("one")
    page = pages.context(controller.url).new_page()

    def permit(route: Route) -> None:
        answer = route.fetch()
        listed = answer.json()
        listed["states"][0]["permitted"] = {word: {"outcome": "applied"}} if word else {}
        route.fulfill(response=answer, json=listed)

    page.route("**/v1/sequence/sockshop?*", permit)
    page.goto(f"{controller.url}/bridge/#/sockshop")

    expect(card(page, "one").locator(".line")).to_have_text("delivery running")
    shown = card(page, "one").locator("[data-do]:visible")
    assert [word] * bool(word) == [each.get_attribute("data-do") for each in shown.all()]


def test_an_open_dialog_knows_what_happens_meanwhile(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """What is over cannot be aborted any more."""
    client.trigger("one", stage="prod")
    page = pages.open(controller)
    card(page, "one").get_by_role("button", name="Abort").click()
    finish(client, "deployment")

    expect(page.locator("#abort-text")).to_have_text("There is nothing left to end.")
    expect(page.locator("#abort-go")).to_be_disabled()
    page.locator("#abort-cancel").click()
    expect(card(page, "one").get_by_role("link").first).to_be_focused()


def test_a_refusal_is_shown_with_its_sentence(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """And what changed nothing says so."""
    pages.permitted.append("status of 400")
    client.trigger("one")
    page = pages.open(controller)
    one = card(page, "one")
    expect(one.locator(".line")).to_have_text("delivery running")
    page.route("**/v1/stream/**", lambda route: route.abort())
    page.get_by_label("You are").fill("x" * 200)
    page.evaluate("document.getElementById('actor').value = 'x'.repeat(5000)")
    one.get_by_role("button", name="Pause").click()

    expect(one.locator(".answer")).to_contain_text("Pause: refused. ")
    expect(one.locator(".answer")).to_contain_text("actor")
    assert "delivery running" == client.state("one")["statusLine"]
