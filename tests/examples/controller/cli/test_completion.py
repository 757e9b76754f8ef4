"""Completion in a shell: words of the program, and names that the controller knows."""

from __future__ import annotations

import httpx
import pytest

from tests.examples.controller.cli.command_line import CommandLine

NAMES = {
    "get stage -p ": ["sockshop"],
    "get stage -p x": [],
    "get stage -p sockshop ": ["dev", "staging"],
    "trigger delivery -p sockshop --stage s": ["staging"],
    "trigger delivery --service c": [],
    "trigger delivery -p sockshop --service c": ["carts"],
    "pause sequence --project s": ["sockshop"],
    "pau": ["pause"],
    "get ": ["approvals", "event", "project", "sequence", "service", "stage", "windows"],
    "approve ": ["sequence", "service"],
    "reject service -p sockshop ": ["carts"],
    "get project --output ": ["json", "text"],
}


def completed(run: CommandLine, monkeypatch: pytest.MonkeyPatch, line: str) -> list[str]:
    """What a shell offers to go on with this line."""
    words = f"sequencectl-cli {line}".split(" ")
    monkeypatch.setenv("_SEQUENCECTL_CLI_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(words))
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    with pytest.raises(SystemExit) as ended:
        run("")
    out, err = run.capture.readouterr()
    assert (0, "") == (ended.value.code, err)
    return sorted(line.partition(",")[2] for line in out.splitlines() if line)


@pytest.mark.parametrize("line", NAMES)
def test_names_are_completed(run: CommandLine, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """As far as the options before say of which project."""
    assert NAMES[line] == completed(run, monkeypatch, line)


@pytest.mark.parametrize(
    "fault",
    [httpx.ConnectError("refused"), httpx.Response(500), httpx.Response(401)],
)
def test_a_completion_that_fails_offers_nothing(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch, fault: httpx.Response
) -> None:
    """Nobody wants to read an error in the middle of a command."""
    run.api.faults = [fault]

    assert [] == completed(run, monkeypatch, "get stage -p ")


def test_a_name_that_is_no_word_is_not_offered(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell would take in what is hidden in it."""
    run.api.world.project("x\n$(date)\x1b")

    assert ["sockshop"] == completed(run, monkeypatch, "get stage -p ")


SCRIPTS = {
    "bash": "complete -o nosort -F _sequencectl_cli_completion sequencectl-cli",
    "zsh": "#compdef sequencectl-cli",
    "fish": "complete --no-files --command sequencectl-cli",
}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_shell_gets_a_script_of_its_own(run: CommandLine, shell: str) -> None:
    """The script names the program and the variable by which it is asked."""
    ran = run(f"completion {shell}")

    assert (0, "") == (ran.status, ran.err)
    assert SCRIPTS[shell] in ran.out
    assert "_SEQUENCECTL_CLI_COMPLETE" in ran.out
