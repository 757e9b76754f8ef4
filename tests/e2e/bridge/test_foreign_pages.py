"""What a page of somebody else gets from a controller without a token, in a browser: nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NoReturn

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.bridge.conftest import CHROMIUM, EVIL
from tests.e2e.controller.process import PATIENCE, Client, Controller

SEND = """
async ([url, type]) => {
  const options = { method: "POST", mode: type === "application/json" ? "cors" : "no-cors" };
  const body = JSON.stringify({ state: "pause", reason: "by a page of somebody else" });
  try {
    await fetch(url, { ...options, headers: { "Content-Type": type }, body });
  } catch {
    return "blocked";
  }
  return "sent";
}
"""
FORM = """
([url, name, value]) => {
  const form = Object.assign(document.createElement("form"), {
    action: url, method: "post", enctype: "text/plain", target: "answer",
  });
  form.append(Object.assign(document.createElement("input"), { name, value }));
  document.body.append(form);
  form.submit();
}
"""
READ = """
async ([path, options]) => {
  const answer = await fetch(path, options);
  const { value } = await answer.body.getReader().read();  // a stream does not end
  return [answer.status, new TextDecoder().decode(value)];
}
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves the files of a folder without a word."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a page that means harm, on this machine under a name of its own."""
    folder = tmp_path_factory.mktemp("evil")
    (folder / "index.html").write_text("<body><iframe name=answer></iframe></body>")
    (folder / "favicon.ico").touch()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{EVIL}:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page(browser: Browser | None, require_or_skip: Callable[[str], NoReturn]) -> Iterator[Page]:
    """A page of a context of its own, in which everything is permitted."""
    if browser is None:
        require_or_skip(f"there is no {CHROMIUM}")
    context = browser.new_context()
    context.set_default_timeout(PATIENCE * 1000)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_a_foreign_page_changes_nothing(
    page: Page, evil: str, controller: Controller, client: Client, kind: str
) -> None:
    """What needs no leave of the controller is refused by it; for the rest it gives no leave."""
    client.trigger("one")
    page.goto(evil)
    sent = page.evaluate(SEND, [f"{controller.url}/v1/sequence/sockshop/one/control", kind])

    assert {"text/plain": "sent", "application/json": "blocked"}[kind] == sent
    assert [] == client.state("one")["paused"]


def test_a_form_of_a_foreign_page_changes_nothing(
    page: Page, evil: str, controller: Controller, client: Client
) -> None:
    """Its fields can be made to look like JSON."""
    client.trigger("one")
    page.goto(evil)
    url = f"{controller.url}/v1/sequence/sockshop/one/control"
    with page.expect_response(url) as answer:
        page.evaluate(FORM, [url, '{"state": "pause", "reason": "', '"}'])

    assert 403 == answer.value.status
    assert [] == client.state("one")["paused"]


def test_a_name_that_was_led_here_gets_nothing(
    page: Page, controller: Controller, client: Client
) -> None:
    """To the browser a page of that name and this port is of one origin with the controller."""
    client.trigger("one")
    origin = controller.url.replace("127.0.0.1", EVIL)
    page.goto(f"{origin}/healthz")  # an open page of that origin, in place of one that does harm
    options = {"method": "POST", "headers": {"Content-Type": "application/json"}}
    pause = {**options, "body": json.dumps({"state": "pause"})}
    answers = [
        page.evaluate(READ, ["/v1/sequence/sockshop", {}]),
        page.evaluate(READ, ["/bridge/", {}]),
        page.evaluate(READ, ["/v1/stream/sockshop", {}]),
        page.evaluate(READ, ["/v1/sequence/sockshop/one/control", pause]),
    ]

    assert [421] * 4 == [status for status, _ in answers]
    assert not any("sockshop" in text or "Bridge" in text for _, text in answers)
    assert [] == client.state("one")["paused"]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_the_own_page_changes_things(
    page: Page, controller: Controller, client: Client, name: str
) -> None:
    """Under each name of this machine."""
    client.trigger("one")
    origin = controller.url.replace("127.0.0.1", name)
    page.goto(f"{origin}/bridge/")
    options = {"method": "POST", "headers": {"Content-Type": "application/json"}}
    pause = {**options, "body": json.dumps({"state": "pause"})}
    status, _ = page.evaluate(READ, ["/v1/sequence/sockshop/one/control", pause])

    assert 200 == status
    assert 1 == len(client.state("one")["paused"])


def test_a_foreign_page_frames_nothing(page: Page, evil: str, controller: Controller) -> None:
    """Nobody presses a button of the Bridge that is hidden below something else."""
    page.goto(evil)
    page.evaluate(
        "url => { document.querySelector('iframe').src = url }", f"{controller.url}/bridge/"
    )
    page.wait_for_event("framenavigated")

    assert not page.frames[1].url.startswith(controller.url)
