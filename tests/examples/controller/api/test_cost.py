"""What it costs to read a body, beside `json.loads` of the same bytes: a ratio, and no time."""

from __future__ import annotations

import pytest

from tests.bench.door import MOST, bodies, read
from tests.fuzz.ratios import time_ratio

BODIES = bodies(400_000)


@pytest.mark.parametrize("name", BODIES)
def test_no_body_costs_much_more_than_its_json(name: str) -> None:
    """Whatever is in it, its refusal included."""
    assert time_ratio(read, BODIES[name]) < MOST
