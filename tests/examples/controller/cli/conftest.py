"""What the tests of the command line share."""

from __future__ import annotations

import pytest

from tests.examples.controller.cli.command_line import CommandLine


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Runs verbs against a controller with the project sockshop, which has the service carts."""
    for name in ("SEQUENCECTL_ENDPOINT", "SEQUENCECTL_TOKEN", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    command_line = CommandLine(capsys)
    command_line.api.world.project("sockshop", "carts")
    return command_line
