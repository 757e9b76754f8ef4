"""The one error of the stores in this folder, besides `Conflict`."""

from __future__ import annotations

from pathlib import Path
from typing import final

from sequencectl.errors import SequencectlError


@final
class StoreUnusable(SequencectlError):
    """A store cannot do its work; `path` says where and `problem`, a sentence, why.

    What was committed before is untouched. Whether the call itself took effect is unknown, as with
    any error of a store: send the command again.
    """

    def __init__(self, path: Path | str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem
