"""Hold the reference controller to its OpenAPI document: ``python3 dev.py fuzz-api [ARGUMENTS]``.

Schemathesis sends what the document permits, and what it does not, to the program, which has a
token, two projects, some deliveries and an executor. Each answer must be one that the document
describes. What is sent follows from the seed. ARGUMENTS are those of ``schemathesis run``:
``--seed 7``, ``--max-examples 500``, ``--include-operation-id post_event --phases fuzzing``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.controller.process import ROOT, SHIPYARD, Client, Controller

CONFIG = Path(__file__).with_name("schemathesis.toml")
PROGRAM = Path(sys.executable).with_name("schemathesis")
GATED = """
apiVersion: spec.keptn.sh/0.2.3
kind: Shipyard
metadata: {name: gated}
spec:
  stages:
    - name: dev
      sequences: [{name: delivery, tasks: [{name: approval, approval: {approve: 20, reject: 12}}]}]
    - {name: prod}
"""
FRAGILE = """
apiVersion: spec.keptn.sh/0.2.3
kind: Shipyard
metadata: {name: fragile}
spec:
  stages:
    - name: dev
      sequences: [{name: delivery, onFailure: park, tasks: [{name: deployment}, {name: test}]}]
    - name: prod
      sequences: [{name: delivery, tasks: [{name: deployment}, {name: test}]}]
"""
TOKEN = "a token"  # noqa: S105 - of this run alone


def main(arguments: Sequence[str]) -> int:
    """Start the controller, let Schemathesis try it, and return its exit status."""
    with (
        TemporaryDirectory() as folder,
        Controller(Path(folder, "data"), token=TOKEN) as controller,
        controller.client() as client,
    ):
        fill(client, Path(folder))
        config = shutil.copy(CONFIG, folder)
        options = ["--header", f"x-token: {TOKEN}", "--seed", "1", *arguments]
        url = f"{controller.url}/openapi.json"
        command = [str(PROGRAM), "--config-file", config, "run", *options, url]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        client.get("/healthz").raise_for_status()
        return status


def fill(client: Client, folder: Path) -> None:
    """Make what the configuration speaks of; write the ids that it cannot know to dictionaries.

    The delivery `unnamed` is live whatever is sent, so that its project is never deleted. The first
    delivery of the project `gated` waits for more votes than come. Of the project `fragile` the
    delivery `c1` is parked, and `c2` has failed.
    """
    for project, shipyard in (("sockshop", SHIPYARD), ("other", SHIPYARD), ("gated", GATED)):
        _make_project(client, project, shipyard)
        for context in ("unnamed", "c1", "c2"):
            client.trigger(context, project=project).raise_for_status()
    _make_project(client, "fragile", FRAGILE)
    for stage, context in (("dev", "c1"), ("prod", "c2"), ("dev", "unnamed")):
        client.trigger(context, project="fragile", stage=stage).raise_for_status()
    for task in client.open_tasks("deployment"):
        if task["data"]["project"] == "fragile":
            client.finish(task, "fail").raise_for_status()
    registrations = "/v1/uniform/registration"
    staying = _made(client, registrations, {"name": "helm-service"})
    leaving = [_made(client, registrations, {"name": f"leaving-{n}"}) for n in range(20)]
    path = f"{registrations}/{staying}/subscription"
    subscriptions = [_made(client, path, {"event": "any"}) for _ in range(20)]
    known = {"staying": [staying], "leaving": leaving, "subscriptions": subscriptions}
    for name, words in known.items():
        lines = "".join(f'"{word}"\n' for word in words)
        (folder / f"{name}.txt").write_text(lines, encoding="utf-8")


def _make_project(client: Client, name: str, shipyard: str) -> None:
    client.create(name, shipyard)
    client.post(f"/v1/project/{name}/service", json={"serviceName": "carts"})


def _made(client: Client, path: str, body: dict[str, str]) -> str:
    return str(client.post(path, json=body).raise_for_status().json()["id"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
