"""A browser for the tests of the Bridge, and pages in which nothing may go wrong unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.controller.process import PATIENCE, Client, Controller

CHROMIUM = Path("/usr/bin/chromium")
EVIL = "evil.example"
"""A name that the browser takes for this machine's, as after DNS rebinding."""

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    f"--host-resolver-rules=MAP {EVIL} 127.0.0.1",
]  # fmt: skip


class Pages:
    """Opens pages of a controller and collects what no page may do."""

    def __init__(self, browser: Browser) -> None:
        self.wrongs: list[str] = []
        self.permitted: list[str] = []
        self.urls: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def context(self, origin: str, **options: Any) -> BrowserContext:
        """A new context whose pages are watched."""
        context = self._browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, **options}
        )
        context.set_default_timeout(PATIENCE * 1000)
        context.on("request", lambda request: self._watch(request.url, origin))
        context.on("console", lambda message: self._hear(message.type, message.text))
        context.on("weberror", lambda error: self.wrongs.append(f"error: {error.error}"))
        self._contexts.append(context)
        return context

    def open(self, controller: Controller, path: str = "", **options: Any) -> Page:
        """A page of the controller, in a context of its own."""
        page = self.context(controller.url, **options).new_page()
        page.goto(f"{controller.url}/bridge/{path}")
        return page

    def close(self) -> None:
        """Close everything."""
        for context in self._contexts:
            context.close()

    def _watch(self, url: str, origin: str) -> None:
        self.urls.append(url)
        if not url.startswith((f"{origin}/", "data:", "blob:")):
            self.wrongs.append(f"another origin: {url}")

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not any(each in text for each in self.permitted):
            self.wrongs.append(f"console {kind}: {text}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser | None]:
    """Debian's Chromium; None where there is none.

    Not for longer than a module: Playwright keeps a loop running, beside which nobody can run one.
    """
    if not CHROMIUM.exists():
        yield None
        return
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def controller(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Controller]:
    """A controller for one test; a parameter is its token or how patient it is."""
    about = {"token": "", "reaction": "1h", **getattr(request, "param", {})}
    with Controller(tmp_path, "--reaction", about["reaction"], token=about["token"]) as started:
        yield started


@pytest.fixture
def client(controller: Controller) -> Iterator[Client]:
    """Its client, with a project."""
    with controller.client() as client:
        client.create()
        yield client


@pytest.fixture
def pages(
    controller: Controller,  # which outlives them: a lost connection is an error in the console
    browser: Browser | None,
    require_or_skip: Callable[[str], NoReturn],
) -> Iterator[Pages]:
    """Pages; a request to another origin, an error, or a violation of the policy fails the test."""
    if browser is None:
        require_or_skip(f"there is no {CHROMIUM}")
    opened = Pages(browser)
    yield opened
    opened.close()

    assert [] == opened.wrongs
