"""A project moves to another database, as the page on scaling tells."""

from __future__ import annotations

import re
import subprocess
import textwrap
from functools import reduce
from pathlib import Path

from examples.postgres.server import PrivateServer, programs
from examples.postgres.store import PostgresStore
from sequencectl import SequenceController, TaskTriggered, evolve
from sequencectl.testing import ManualClock, RecordingSink
from tests.support import Host

PAGE = Path(__file__).parents[3] / "docs" / "scaling.md"
WORLD = {"dev": {"delivery": ["deploy", "test"]}}


def scripts() -> list[str]:
    """What the page has psql do, in order: the indented blocks."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^ +```text\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(each) for each in found]


def psql(url: str, script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder; the first error ends it."""
    command = [programs() / "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--no-psqlrc", url]
    return subprocess.run(
        command, input=script, cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_project_moves_with_outbox_and_deadlines(
    server: PrivateServer, url: str, tmp_path: Path
) -> None:
    """In the new place it is what it was, and goes on; to bring it in twice is refused."""
    out, into = scripts()
    host, other = Host(WORLD), Host(WORLD, project="teashop")
    sink = RecordingSink()
    with PostgresStore(url) as old, PostgresStore(server.create("moved_to")) as new:
        for each in (host, other):
            old.commit(each.trigger("c1"))
        old.acknowledge("sockshop", through=1)
        told = psql(url, out, tmp_path)
        assert (0, "") == (told.returncode, told.stderr)
        told = psql(server.url("moved_to"), into, tmp_path)
        assert (0, "") == (told.returncode, told.stderr)

        assert host.state == new.load("sockshop")
        assert None is new.load("teashop")
        assert old.pending("sockshop", limit=10) == new.pending("sockshop", limit=10)
        assert [each for each in old.agenda(limit=10) if each.project == "sockshop"] == list(
            new.agenda(limit=10)
        )
        clock = ManualClock(host.now)
        controller = SequenceController(host.plane, store=new, clock=clock, sink=sink)
        (task,) = [event for event in host.events if isinstance(event, TaskTriggered)]
        controller.handle("sockshop", task.finished(source="x", result="pass"))
        assert [2, 3] == [event.serial for event in sink.emitted][:2]
        assert new.load("sockshop") == reduce(
            evolve, sink.emitted, reduce(evolve, host.events[:1], host.plane.initial("sockshop"))
        )

        before = new.load("sockshop")
        assert "duplicate key" in psql(server.url("moved_to"), into, tmp_path).stderr
        assert before == new.load("sockshop")
