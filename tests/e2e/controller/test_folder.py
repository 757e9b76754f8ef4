"""The data folder of the process: its lock, files that go while it runs, a first start cut off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.controller.process import PATIENCE, PROGRAM, ROOT, Controller, until


def test_a_folder_has_one_process_at_a_time(tmp_path: Path) -> None:
    """The second one ends with a sentence; a killed one keeps nobody out."""
    command = [sys.executable, *PROGRAM, "--data", str(tmp_path), "--port", "0"]
    with Controller(tmp_path) as controller, controller.client() as client:
        client.create()
        second = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        controller.kill()
        controller.start()
        projects = client.get("/v1/project").json()["projects"]

    said = f"sequencectl-controller: {tmp_path}: is used by another controller\n"
    assert (1, "", said) == (second.returncode, second.stdout, second.stderr)
    assert ["sockshop"] == [project["projectName"] for project in projects]


def test_a_file_that_is_deleted_while_it_runs_is_noticed(tmp_path: Path) -> None:
    """No command is answered as applied any more, nothing is read, and its health is bad."""
    with Controller(tmp_path) as controller, controller.client() as client:
        client.create()
        client.trigger("one").raise_for_status()
        well = client.get("/healthz").status_code
        (tmp_path / "sequences.db").unlink()
        answers = [
            client.get("/healthz"),
            client.trigger("two"),
            client.control("one", "pause"),
            client.get("/v1/sequence/sockshop"),
            client.get("/v1/sequence/sockshop/one"),
            client.get("/v1/project"),
            client.get("/v1/stream/sockshop"),
            client.get("/mongodb-datastore/event", params={"project": "sockshop"}),
        ]
        status, said = controller.stop()

    assert [200, *[503] * len(answers)] == [well, *(each.status_code for each in answers)]
    assert (0, "") == (status, said)


@pytest.mark.parametrize("name", ["controller.lock", "sequences.db", "projects.db", "journal.db"])
def test_a_first_start_that_is_killed_is_no_loss(tmp_path: Path, name: str) -> None:
    """As soon as a file is there the process is killed; the next start goes on from that."""
    command = [sys.executable, *PROGRAM, "--data", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as first:
        until((tmp_path / name).exists)
        first.kill()

    with Controller(tmp_path) as controller, controller.client() as client:
        client.create()
        assert client.trigger("one").is_success


PARKING = """
apiVersion: spec.keptn.sh/0.2.3
kind: Shipyard
metadata: {name: sockshop}
spec:
  stages:
    - name: dev
      sequences:
        - name: delivery
          tasks: [{name: deployment}, {name: test, onFailure: park}]
"""


def test_what_is_redriven_has_its_data_also_from_a_journal_that_was_made_up(tmp_path: Path) -> None:
    """A killed process leaves a parked delivery; then the journal is lost, which has the data."""
    with Controller(tmp_path) as controller, controller.client() as client:
        client.create(shipyard=PARKING)
        client.trigger("one", image="carts:1").raise_for_status()
        client.finish(client.open_tasks("deployment")[0])
        (failed,) = client.open_tasks("test")
        client.finish(failed, "fail")
        controller.kill()
        for path in tmp_path.glob("journal.db*"):
            path.unlink()
        controller.start()
        parked = client.state("one")
        sequence = "/v1/sequence/sockshop/one"
        ended = client.post(f"{sequence}/skip", json={"result": "fail"}).raise_for_status().json()
        new = client.post(f"{sequence}/redrive", json={}).raise_for_status().json()
        (again,) = client.open_tasks("test")

    assert ("delivery parked", "test") == (
        parked["statusLine"], parked["sequences"][0]["parked"]["task"],
    )  # fmt: skip
    assert ("applied", "applied", "one") == (ended["outcome"], new["outcome"], ended["sequenceId"])
    assert ("carts:1", failed["data"]) == (again["data"]["image"], again["data"])
