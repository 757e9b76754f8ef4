"""An executor as a process of its own, and what the controller has heard of executors."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence

from tests.e2e.controller.process import PATIENCE, ROOT, Client

SECRET = "open sesame"  # noqa: S105 - nobody else has it
PAGE = ROOT / "docs" / "writing-an-executor.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
POLLING = BLOCKS[0]
RECEIVING = BLOCKS[0].partition("\nif __name__ ==")[0] + BLOCKS[1]
"""The programs of the page: the second one takes `report` from the first."""


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

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGKILL)


def reports(client: Client, context: str, task: str) -> Counter[str]:
    """How often each report on the tasks of a name in a context is in the history."""
    page = client.get(f"/mongodb-datastore/event?project=sockshop&keptnContext={context}")
    kinds = [event["type"].removeprefix("sh.keptn.event.") for event in page.json()["events"]]
    return Counter(kind for kind in kinds if kind in {f"{task}.started", f"{task}.finished"})


def is_over(client: Client, context: str) -> bool:
    """Whether the first task of a delivery is over and the second one is triggered."""
    return len(client.state(context)["sequences"][0]["tasks"]) == 2
