"""Pages as Keptn's clients read them: the key is a text, and an empty one ends the list."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.requests import Request

from examples.controller.api.pages import page, part_of


def asked(query: str) -> Request:
    """A request for a page."""
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


def answered(query: str, entries: list[int]) -> dict[str, Any]:
    """What a list is answered with."""
    request = asked(query)
    part, following = part_of(request, entries)
    answer = page(request, "entries", part, total=len(entries), following=following)
    body: dict[str, Any] = json.loads(bytes(answer.body))
    return body


@pytest.mark.parametrize(
    ("query", "entries", "key"),
    [
        pytest.param("pageSize=2", [0, 1], "2", id="the first"),
        pytest.param("pageSize=2&nextPageKey=2", [2, 3], "4", id="one between"),
        pytest.param("pageSize=2&nextPageKey=4", [4], "", id="the last"),
        pytest.param("pageSize=5", [0, 1, 2, 3, 4], "", id="just full"),
        pytest.param("pageSize=2&nextPageKey=9", [], "", id="past the end"),
        pytest.param("pageSize=2&nextPageKey=", [0, 1], "2", id="an empty key"),
        pytest.param("pageSize=2&nextPageKey=0", [0, 1], "2", id="Keptn's key of no page"),
    ],
)
def test_a_page_says_where_the_next_one_begins(query: str, entries: list[int], key: str) -> None:
    """Neither `"0"`, which JavaScript takes for true, nor a number, which Go does not read."""
    size = int(query.removeprefix("pageSize=").partition("&")[0])
    wanted = {"entries": entries, "totalCount": 5, "pageSize": size, "nextPageKey": key}

    assert wanted == answered(query, [0, 1, 2, 3, 4])
