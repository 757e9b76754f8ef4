"""What the page withstands: hostile texts, lost connections, tokens, many deliveries, two tabs."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from examples.controller.bridge.page import FILES, HEADERS
from tests.e2e.bridge.conftest import Pages
from tests.e2e.bridge.test_stories import by_mouse, card, finish
from tests.e2e.controller.process import Client, Controller

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}
MARKUP = "<img src=x onerror=alert(1)><script>alert(1)</script><b>bold</b>"
OVERRIDE = "abc\u202edcba"
EMOJI = "\U0001f469\u200d\U0001f680 \U0001f6d2"
HOSTILE = [OVERRIDE, "w" * 200, EMOJI, "a\u2066b\u200bc\u061cd", MARKUP]


def assert_fits(page: Page) -> None:
    """Nothing is wider than the window."""
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]


def test_the_files_are_open_and_locked_down(controller: Controller) -> None:
    """Each has the policy; the root leads there, also below a prefix."""
    with httpx.Client(base_url=controller.url, follow_redirects=True) as anyone:
        for path, (_, kind) in FILES.items():
            answer = anyone.get(path)
            assert (200, True) == (
                answer.status_code,
                answer.headers["content-type"].startswith(kind),
            )
            assert (
                dict(HEADERS).items()
                <= {name: answer.headers.get(name) for name in HEADERS}.items()
            )
            again = anyone.get(path, headers={"If-None-Match": answer.headers["etag"]})
            assert 304 == again.status_code
        for path, end in (("/", "/bridge/"), ("/bridge", "/bridge/"), ("/api/", "/api/bridge/")):
            assert end == anyone.get(path).url.path
        assert 404 == anyone.get("/bridge/../app.py").status_code


@pytest.mark.parametrize("controller", [{"token": "secret"}], indirect=True)
def test_the_token_is_asked_for(pages: Pages, controller: Controller, client: Client) -> None:
    """A wrong one is refused with a sentence; the right one is kept as long as the tab."""
    pages.permitted.append("status of 401")
    client.trigger("one")
    page = pages.open(controller, "#/sockshop/one")
    token = page.get_by_label("Token")
    expect(token).to_be_focused()
    token.fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#token-answer")).to_contain_text("x-token")
    token.fill("secret")
    page.keyboard.press("Enter")

    expect(page.locator("#detail .line")).to_have_text("delivery running")
    expect(token).to_be_hidden()
    page.reload()
    expect(page.locator("#detail .line")).to_have_text("delivery running")
    assert ["token"] == page.evaluate("Object.keys(sessionStorage)")
    assert "secret" not in page.evaluate("JSON.stringify(localStorage) + location.href")
    assert any("/v1/stream/" in url for url in pages.urls)
    assert not any("secret" in url for url in pages.urls)
    other = page.context.new_page()
    other.goto(f"{controller.url}/bridge/")
    expect(other.get_by_label("Token")).to_be_visible()
    other.close()
    page.close()
    assert (0, "") == controller.stop()


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_hostile_texts_are_texts(
    pages: Pages, controller: Controller, client: Client, viewport: dict[str, int]
) -> None:
    """Whatever they are, nothing of them is markup, invisible, or wider than the window."""
    for number, text in enumerate(HOSTILE):
        context = f"<i>&\"'/?#%{number}"
        image: dict[str, Any] = {"configurationChange": {"values": {"image": f"x/{text}"}}}
        name = text if text.isprintable() else f"service{number}"  # the others are refused
        client.trigger(context, service=name, **image).raise_for_status()
        path = "".join(f"%{ord(letter):02x}" for letter in context)
        client.control(path, "pause", actor=name, reason=name).raise_for_status()
        about = {"triggeredid": client.open_tasks("deployment")[0]["id"]}
        report = {"service": name, "message": text, "result": "fail"}
        client.event("deployment.started", report, shkeptncontext=context, source=text, **about)
        client.event("deployment.finished", report, shkeptncontext=context, source=text, **about)
        log = {"shkeptncontext": context, "task": name, "message": text * 20}
        client.post("/v1/log", json={"logs": [log]}).raise_for_status()
        if text != MARKUP:  # which stays as it is
            client.control(path, "resume").raise_for_status()
    freeze = {"state": "freeze", "actor": MARKUP, "reason": MARKUP * 10}
    client.post("/v1/project/sockshop/stage/dev/control", json=freeze).raise_for_status()
    page = pages.open(controller, viewport=viewport)
    page.on("dialog", lambda dialog: pages.wrongs.append(f"dialog: {dialog.message}"))
    expect(page.locator("article")).to_have_count(len(HOSTILE))

    assert 0 == page.locator("main img, main script, main b, main i, main [onerror]").count()
    text = page.locator("main").inner_text()
    assert MARKUP in text
    assert "abc\\u202edcba" in text
    assert "a\\u2066b\\u200bc\\u061cd" in text
    assert EMOJI in text
    assert not set(text) & set("\u202e\u2066\u200b\u061c")
    assert_fits(page)
    page.locator("article .title a").first.click()
    expect(page.locator("#detail article")).to_be_visible()
    for table in page.locator("#detail table").all()[1:]:  # nobody works on a task
        expect(table).to_contain_text(MARKUP)
    assert 0 == page.locator("main img, main script, main b, main i, main [onerror]").count()
    assert_fits(page)
    by_mouse(page.locator("#detail [data-do=abort]"))
    expect(page.locator("#abort-title")).to_contain_text(MARKUP)
    assert_fits(page)


def test_two_tabs_show_the_same(pages: Pages, controller: Controller, client: Client) -> None:
    """What is done in one is seen in the other; whoever has the focus there keeps it."""
    context = pages.context(controller.url)
    one, other = context.new_page(), context.new_page()
    for page in (one, other):
        page.goto(f"{controller.url}/bridge/#/sockshop")
    client.trigger("old")
    client.trigger("new")
    other_button = card(other, "old").get_by_role("button", name="Abort")
    other_button.focus()
    card(one, "old").get_by_role("button", name="Pause").click()
    finish(client, "deployment")

    for page in (one, other):
        expect(card(page, "old").locator(".line")).to_have_text("delivery paused")
        assert ["new", "old"] == page.locator("article").evaluate_all(
            "all => all.map(each => each.dataset.context)"
        )
    expect(other_button).to_be_focused()
    texts = [page.locator("#deliveries .reasons").all_inner_texts() for page in (one, other)]
    assert texts[0] == texts[1]


def test_a_killed_controller_comes_back(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """The page says so, sends what it was told to, comes back, and loses and doubles nothing."""
    pages.permitted.append("net::ERR_")
    page = pages.open(controller)
    client.trigger("one")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(card(page, "one").locator(".line")).to_have_text("delivery running")
    controller.kill()
    expect(page.locator("#trouble-text")).to_contain_text("Disconnected since")
    expect(page.locator("#connection")).to_have_text("Disconnected")
    sent: list[str] = []
    page.on(
        "request", lambda each: sent.append(each.post_data or "") if each.method == "POST" else None
    )
    asked: list[str | None] = []
    page.on(
        "request",
        lambda each: (
            asked.append(each.header_value("last-event-id")) if "stream" in each.url else None
        ),
    )
    card(page, "one").get_by_role("button", name="Pause").click()
    expect(card(page, "one").locator(".answer")).to_contain_text("sent again")
    controller.start()
    client.trigger("two")

    expect(page.locator("#connection")).to_have_text("Live")
    expect(card(page, "one").locator(".answer")).to_have_text("Pause: done.")
    expect(card(page, "one").locator(".line")).to_contain_text("delivery paused")
    expect(card(page, "two")).to_have_count(1)
    expect(page.locator("article")).to_have_count(2)
    expect(page.locator("#trouble")).to_be_hidden()
    assert 1 == len({json.loads(body)["requestId"] for body in sent}) < len(sent)
    assert ["pause"] == [each["kind"] for each in client.state("one")["controls"]]
    assert all(asked)


def test_deep_links_filters_and_the_back_button(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """Whatever is shown has an address; what is far back is a page further."""
    client.create("another")
    for number in range(30):
        client.trigger(f"n{number}", service="carts" if number % 2 else "orders")
    page = pages.open(controller)
    page.get_by_role("link", name="sockshop").click()
    expect(page.locator("article")).to_have_count(25)
    page.get_by_role("button", name="Older").click()
    expect(page.locator("article")).to_have_count(30)
    expect(page.get_by_role("button", name="Older")).to_be_hidden()
    expect(page.locator("#list-title")).to_be_focused()
    page.get_by_label("Service").select_option("orders")
    expect(page.locator("article")).to_have_count(15)
    page.get_by_label("State").select_option("running")
    expect(page.locator("article")).to_have_count(1)
    assert page.url.endswith("#/sockshop?service=orders&state=started")
    client.control("n0", "pause")
    expect(page.locator("#list-note")).to_have_text("No delivery fits these filters.")
    page.go_back()
    expect(page.locator("article")).to_have_count(15)
    card(page, "n2").get_by_role("link").first.click()
    expect(page.locator("#detail-title")).to_be_focused()
    expect(page.locator("#detail code")).to_have_text("n2")
    page.reload()
    expect(page.locator("#detail code")).to_have_text("n2")
    page.get_by_role("link", name="All deliveries").click()
    expect(page.locator("article")).to_have_count(15)
    expect(card(page, "n2").get_by_role("link").first).to_be_focused()
    page.locator("#project").select_option("another")
    expect(page.locator("#list-note")).to_contain_text("Nothing has been delivered yet")


def test_what_comes_late_is_not_taken_for_news(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """A list that was read before a change, and comes after it, changes nothing back."""
    client.trigger("one")
    page = pages.open(controller)
    expect(card(page, "one").locator(".line")).to_have_text("delivery running")

    def hold(route: Route) -> None:
        answer = route.fetch()
        client.control("one", "pause")
        expect(card(page, "one").locator(".line")).to_contain_text("delivery paused")
        route.fulfill(response=answer)

    page.route("**/v1/sequence/sockshop?*", hold)
    with page.expect_response("**/v1/sequence/sockshop?*") as late:
        page.get_by_label("Service").select_option("carts")

    assert "delivery running" == late.value.json()["states"][0]["statusLine"]
    expect(page.locator("#list-note")).to_contain_text("1 delivery")
    expect(card(page, "one").locator(".line")).to_contain_text("delivery paused")


def test_what_nobody_knows_is_said(pages: Pages, controller: Controller, client: Client) -> None:
    """An address of a project or a delivery that is not there leads to a sentence."""
    pages.permitted.append("status of 404")
    page = pages.open(controller, "#/sockshop/nobody")
    expect(page.locator("#detail-note")).to_contain_text("nobody")
    page = pages.open(controller, "#/nowhere")
    expect(page.locator("#list-note")).to_contain_text("nowhere")
    expect(page.locator("#connection")).to_have_text("Not connected")


def world(client: Client) -> None:
    """Deliveries in as many phases as there may be at once."""
    client.trigger("over")
    finish(client, "deployment")
    finish(client, "test", "fail")
    client.trigger("busy")
    client.control("busy", "pause", actor="Ann", reason="lunch")
    client.trigger("waits")
    client.trigger("gone")
    client.control("gone", "abort", actor="Bob", reason="no need")
    freeze = {"state": "freeze", "actor": "Ann", "reason": "release night"}
    client.post("/v1/project/sockshop/stage/prod/control", json=freeze)
    client.trigger("frozen", stage="prod")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_nobody_is_kept_out(
    pages: Pages, controller: Controller, client: Client, scheme: str, viewport: dict[str, int]
) -> None:
    """The list, the detail and the dialogs have no serious violation, and fit into the window."""
    world(client)
    look: dict[str, Any] = {"color_scheme": scheme, "viewport": viewport}
    page = pages.open(controller, **look)
    expect(card(page, "waits").locator(".reasons")).to_contain_text("1st in line")
    examine(page)
    card(page, "busy").get_by_role("link").first.click()
    expect(page.locator("#detail table")).to_have_count(3)
    examine(page)
    page.locator("#detail [data-do=abort]").click()
    examine(page)
    page.locator("#abort-force").click()
    examine(page)
    page.keyboard.press("Escape")
    page.locator("#stages button").first.click()
    examine(page)


def examine(page: Page) -> None:
    """Fail if axe finds anything serious, or anything is wider than the window."""
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    serious = [
        (each["id"], [node["html"] for node in each["nodes"]])
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]
    assert [] == serious
    assert_fits(page)


def test_two_hundred_deliveries_stay_smooth(
    pages: Pages, controller: Controller, client: Client
) -> None:
    """How long a message with fifty changed deliveries takes is printed, and asserted nowhere."""
    pages.permitted.append("net::ERR_")
    for number in range(200):
        client.trigger(f"n{number}")
    page = pages.open(controller)
    for count in range(50, 200, 25):
        page.get_by_role("button", name="Older").click()
        expect(page.locator("article")).to_have_count(count)
    page.get_by_role("button", name="Older").click()
    expect(page.locator("article")).to_have_count(200)
    page.evaluate(
        """() => {
            window.applied = []; window.frames = [];
            new PerformanceObserver((list) => {
              applied.push(...list.getEntries().map((each) => each.duration));
            }).observe({ entryTypes: ["measure"] });
            let last = performance.now();
            const frame = (at) => {
              frames.push(at - last);
              last = at;
              requestAnimationFrame(frame);
            };
            requestAnimationFrame(frame);
        }"""
    )
    page.route("**/v1/stream/**", lambda route: route.abort())
    controller.kill()
    controller.start()
    for number in range(100, 150):
        client.control(f"n{number}", "pause")
    page.unroute("**/v1/stream/**")  # what it missed comes in one message

    expect(page.locator("article .line", has_text="delivery paused")).to_have_count(50)
    applied, frames = page.evaluate("[applied, frames]")
    print(
        f"\n200 deliveries: {len(applied)} messages, the longest applied in {max(applied):.1f} ms;"
    )
    print(f"{len(frames)} frames, the longest {max(frames):.1f} ms")
    assert 1 == len(applied)
