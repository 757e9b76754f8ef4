"""The answer to a list, page by page, as Keptn's clients read it.

The key of the next page is a text, and an empty one ends the list: Go takes no number there, and
JavaScript would take ``"0"`` for true. Only the list of deliveries has a number (`sequences`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from examples.controller.api.reading import page_of

T = TypeVar("T")


def part_of(request: Request, entries: Sequence[T]) -> tuple[Sequence[T], int]:
    """Return the part of a list that was asked for, and the key of the next one; 0 at the end."""
    size, begin = page_of(request)
    end = begin + size
    return entries[begin:end], end if end < len(entries) else 0


def page(
    request: Request, name: str, entries: Sequence[object], *, total: int, following: int
) -> Response:
    """Answer with a page; `following` is the key of the next one, 0 if this is the last."""
    size, _ = page_of(request)
    counted = {"totalCount": total, "pageSize": size, "nextPageKey": str(following or "")}
    return JSONResponse({name: entries, **counted})
