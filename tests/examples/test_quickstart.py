"""The quickstart prints what its comments say."""

import pytest

from examples import quickstart


def test_the_quickstart_tells_its_story(capsys: pytest.CaptureFixture[str]) -> None:
    """One waits for the other, is paused in between, and the second one runs out of time."""
    quickstart.main()

    assert [
        "delivery of carts in stage dev is waiting since 2026-03-02T09:01:00+00:00, "
        "with 0 waiting ahead of it. The lane is held by first (running).",
        "first: delivery paused",
        "first: delivery finished",
        "second: delivery running",
        "delivery of carts in stage dev is timed out since 2026-03-02T09:15:00+00:00, with result "
        "fail. Nobody reacted to task deploy in stage dev within 3m0s; it was terminated.",
        "09:00 deploy of first",
        "09:10 test of first",
        "09:12 deploy of second",
    ] == capsys.readouterr().out.splitlines()
