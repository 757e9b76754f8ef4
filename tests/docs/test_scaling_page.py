"""The page on scaling: its alerts are about what the reference controller exports."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from examples.controller.metrics import Metrics

PAGE = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text(encoding="utf-8")
NAME = re.compile(r"sequencectl_\w+")


def alerts() -> list[dict[str, Any]]:
    """The rules of the page, read as YAML."""
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [rule for group in YAML(typ="safe").load(text)["groups"] for rule in group["rules"]]


def exported() -> set[str]:
    """The names that stand in ``/metrics``, those of buckets and totals among them."""
    families = list(text_string_to_metric_families(Metrics().text().decode()))
    names = {family.name for family in families}
    names |= {f"{family.name}_total" for family in families if family.type == "counter"}
    return names | {f"{family.name}_bucket" for family in families if family.type == "histogram"}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_can_ring(alert: dict[str, Any]) -> None:
    """It compares metrics of the controller, its brackets close, and it says what is wrong."""
    expression = alert["expr"]
    named = set(NAME.findall(expression))

    assert named
    assert set() == named - exported()
    assert re.search(r" (>|==) ", expression)
    assert expression.count("(") == expression.count(")")
    assert (
        {"alert", "expr", "annotations"} <= alert.keys() <= {"alert", "expr", "annotations", "for"}
    )
    assert alert["annotations"].keys() == {"summary"}


def test_what_to_watch_is_exported() -> None:
    """Each metric in the table is one of the controller."""
    table = re.findall(r"^\| (`[^|]+) \|[^|]+\|[^|]+\|$", PAGE, re.MULTILINE)
    named = {
        f"sequencectl_{name}"
        for cell in table
        for name in re.findall(r"`(\w+)(?:\{[^}]*\})?`", cell)
    }

    assert len(named) > 10
    assert set() == named - exported()
