"""Makes the pictures of ``docs/bridge.md`` when the documentation is built: ``_build/pictures``.

Where there are Chromium, Playwright and the Bridge, they are screenshots of the real page before a
real controller on which `bridge_scene` is played. Otherwise they are timelines of the same scene,
drawn by `examples.timeline` without any of that. Either way the page is the same, and the build
does not fail for want of a browser: what went wrong is one line on stderr. Without a browser::

    SEQUENCECTL_DOCS_PICTURES=svg python3 dev.py docs
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # in a process of its own
    sys.path.insert(0, str(ROOT))

from docs import bridge_scene as scene  # noqa: E402 - needs the path
from examples.timeline import timeline_svg  # noqa: E402 - needs the path

TARGET: Final = ROOT / "docs" / "_build" / "pictures"
BRIDGE: Final = ROOT / "examples" / "controller" / "bridge" / "index.html"
CHROMIUM: Final = "/usr/bin/chromium"
LONGEST: Final = 28.0
"""After so many seconds the browser is given up."""

CONTEXTS: Final = {
    "bridge-list": "",
    "bridge-waiting": scene.SECOND,
    "bridge-time-out": scene.PROBLEM,
    "bridge-paused": scene.PAUSED,
    "bridge-aborting": scene.ABORTED,
    "bridge-approval": scene.ASKED,
}
"""What each picture shows: a delivery, or the list of all, whose first one is drawn instead."""


def make_pictures(target: Path = TARGET) -> None:
    """Make all pictures anew, by the browser if that is possible."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    if why := lacking() or photographed(target):
        sys.stderr.write(f"bridge_pictures: timelines instead of screenshots: {why}\n")
        draw(target)


def lacking() -> str:
    """Return what is not there for screenshots; empty if nothing is."""
    if os.environ.get("SEQUENCECTL_DOCS_PICTURES") == "svg":
        return "they are not wanted"
    if not BRIDGE.is_file():
        return "there is no Bridge"
    if not Path(CHROMIUM).exists():
        return f"there is no {CHROMIUM}"
    return "" if find_spec("playwright") else "there is no Playwright"


def draw(target: Path) -> None:
    """Draw the timelines."""
    decided = scene.Decided()
    scene.play(decided)
    for name, context in CONTEXTS.items():
        (target / f"{name}.png").unlink(missing_ok=True)
        picture = timeline_svg(decided.events, context or scene.FIRST, now=decided.now)
        (target / f"{name}.svg").write_text(picture, encoding="utf-8")


def photographed(target: Path) -> str:
    """Take the screenshots in a process of its own, and return what went wrong."""
    child = subprocess.Popen(  # noqa: S603 - this very file
        [sys.executable, __file__, str(target)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said = child.communicate(timeout=LONGEST)[1]
    except subprocess.TimeoutExpired:
        said = f"it took more than {LONGEST:.0f} s"
    finally:
        kill_all(child)
    if child.returncode == 0 and all((target / f"{name}.png").is_file() for name in CONTEXTS):
        return ""
    return (said.strip().splitlines() or ["it gave no reason"])[-1]


def kill_all(child: subprocess.Popen[str]) -> None:
    """End a process with all that it started: they are a group of their own."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.communicate()


# ---------------------------------------------------------------- in a process of its own


@contextmanager
def controller(folder: Path) -> Iterator[str]:
    """Serve a controller that gives up on a silent task after two seconds."""
    command = [sys.executable, "-m", "examples.controller", "--data", str(folder), "--port", "0"]
    command += ["--reaction", "2s", "--settle", "0s", "--token", ""]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as started:  # noqa: S603 - ours
        try:
            assert started.stdout is not None
            is_there, _, _ = select.select([started.stdout], [], [], scene.PATIENCE)
            line = started.stdout.readline().strip() if is_there else ""
            if not line.startswith("Serving on "):
                raise RuntimeError("the controller could not be started")
            yield line.removeprefix("Serving on ")
        finally:
            started.terminate()


def photograph(target: Path) -> None:
    """Play the scene on a controller and take the pictures of its page."""
    playwright: Any = import_module("playwright.sync_api")
    options = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    with (
        TemporaryDirectory() as folder,
        controller(Path(folder)) as url,
        playwright.sync_playwright() as started,
    ):
        browser = started.chromium.launch(executable_path=CHROMIUM, args=options)
        served = scene.Served(url)
        served.prepare()
        scene.play(served)
        size = {"width": 1000, "height": 600}
        page = browser.new_page(viewport=size, color_scheme="light", reduced_motion="reduce")
        page.set_default_timeout(scene.PATIENCE * 1_000)
        page.add_init_script("localStorage.setItem('actor', 'dan')")  # who may vote
        for name, context in CONTEXTS.items():
            page.goto(f"{url}/bridge/#/{scene.PROJECT}/{context}".rstrip("/"))
            shown = context or scene.FIRST
            page.locator("body[data-connection=live]").wait_for()
            page.locator(f"main :text('{shown[:8]}'):visible").first.wait_for()
            page.wait_for_timeout(500)
            page.screenshot(path=str(target / f"{name}.png"), full_page=True)
        browser.close()


if __name__ == "__main__":
    photograph(Path(sys.argv[1]))
