"""An executor as a process of its own, and what the controller has heard of executors."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from tests.e2e.controller.process import PATIENCE, ROOT, Client

SECRET = "open sesame"  # noqa: S105 - nobody else has it
PAGE = ROOT / "docs" / "writing-an-executor.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
POLLING = BLOCKS[0]
_REPORTING = BLOCKS[0].partition("\nif __name__ ==")[0]
SAYING = _REPORTING + BLOCKS[1]
RECEIVING = _REPORTING + BLOCKS[2]
"""The programs of the page: the second and the third take `report` from the first."""


class Executor:
    """An executor as a process, which is gone at the end of the block."""

    def __init__(self, command: Sequence[str], url: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={
                **os.environ, "SEQUENCECTL_ENDPOINT": url, "SEQUENCECTL_TOKEN": SECRET,
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )  # fmt: skip

    def end(self, number: signal.Signals) -> tuple[str, str]:
        """End it and all that it has started; return what it said on stdout and stderr."""
        os.killpg(self.process.pid, number)
        return self.process.communicate(timeout=PATIENCE)

    def kill(self) -> None:
        """Kill this process alone, as a lack of memory does: what it has started goes on."""
        self.process.kill()
        self.process.wait(timeout=PATIENCE)

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):  # nothing of it is left
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=PATIENCE)


def reports(client: Client, context: str, task: str) -> Counter[str]:
    """How often each report on the tasks of a name in a context is in the history."""
    page = client.get(f"/mongodb-datastore/event?project=sockshop&keptnContext={context}")
    kinds = [event["type"].removeprefix("sh.keptn.event.") for event in page.json()["events"]]
    return Counter(kind for kind in kinds if kind in {f"{task}.started", f"{task}.finished"})


def is_over(client: Client, context: str) -> bool:
    """Whether the first task of a delivery is over and the second one is triggered."""
    return len(client.state(context)["sequences"][0]["tasks"]) == 2


def progress(client: Client, context: str) -> list[dict[str, Any]]:
    """The data of the progress that was reported in a context, the oldest first."""
    kind = "sh.keptn.event.deployment.status.changed"
    query = {"keptnContext": context, "type": kind, "pageSize": "100"}
    page = client.get("/v1/project/sockshop/history", params=query).raise_for_status().json()
    return [event["data"] for event in page["events"]]
