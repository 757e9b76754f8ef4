"""The figures in ``docs/performance.md`` and ``docs/scaling.md``.

Each table stands between two marks and can be replaced.

``<!-- growth: begin -->`` and ``<!-- growth: end -->`` enclose what ``python3 dev.py bench growth``
printed, as it printed it.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Final, TextIO

_DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
PAGE: Final = _DOCS / "performance.md"

SECTIONS: Final = (
    "delivery", "growth", "codec", "memory", "imports", "durable", "door", "scale", "capacity",
)  # fmt: skip
"""The tables of ``python3 dev.py bench``."""

_PAGES: Final = {"scale": _DOCS / "scaling.md", "capacity": _DOCS / "scaling.md"}


def page_of(name: str) -> Path:
    """Return the page that a table is on."""
    return _PAGES.get(name, PAGE)


def with_table(page: str, name: str, table: str) -> str:
    """Return the page with `table` between the marks of that name; raise LookupError without."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if (page.count(begin), page.count(end)) != (1, 1):
        raise LookupError(f"the page has no marks of the name {name!r}, or more than one pair")
    lines = "\n".join(line.rstrip() for line in table.strip("\n").splitlines())
    block = f"{begin}\n```text\n{lines}\n```\n{end}"
    return re.sub(f"{begin}.*{end}", lambda _: block, page, flags=re.DOTALL)


def write_table(name: str, table: str, path: Path | None = None) -> None:
    """Replace one table of its page, or of that at `path`, in place."""
    path = path or page_of(name)
    path.write_text(with_table(path.read_text(encoding="utf-8"), name, table), encoding="utf-8")


@contextmanager
def overheard() -> Iterator[io.StringIO]:
    """Print as ever, and give what was printed."""
    heard = io.StringIO()
    with redirect_stdout(_Both(sys.stdout, heard)):
        yield heard


class _Both(io.TextIOBase):
    """A text stream that goes to two others."""

    def __init__(self, first: TextIO, second: TextIO) -> None:
        self._streams = (first, second)

    def write(self, text: str) -> int:
        for stream in self._streams:
            stream.write(text)
        self._streams[0].flush()
        return len(text)
