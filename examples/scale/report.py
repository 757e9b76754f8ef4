"""The ledger as text: what was there, what was wrong, and what was counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sequencectl.events as e
from examples.scale.ledger import Kind, Problem, problems_of
from examples.scale.play import Evidence
from sequencectl import Ending

SHOWN: Final = 5
"""So many problems of a kind are shown."""


def problems_in(evidence: Evidence) -> list[Problem]:
    """Return what is wrong in all projects."""
    return [problem for pair in evidence.pairs for problem in problems_of(*pair)]


def report(evidence: Evidence, problems: Sequence[Problem]) -> list[str]:
    """Return the ledger as lines."""
    events = [event for record, _ in evidence.pairs for event in record.events]
    deliveries = sum(len(account.triggered) for _, account in evidence.pairs)
    sequences = sum(isinstance(event, e.SequenceTriggered) for event in events)
    ended = sum(isinstance(event, Ending) for event in events)
    lines = [
        "",
        "# Ledger",
        f"{deliveries:8} deliveries triggered, {sequences} sequences, {len(events)} events",
        f"{ended:8} sequences ended",
    ]
    for kind in Kind:
        found = [problem.what for problem in problems if problem.kind is kind]
        lines.append(f"{len(found):8} {kind.value}")
        lines += [f"           {what}" for what in found[:SHOWN]]
    lines += ["", "# Counted"]
    lines += [f"{value:>8} {name}" for name, value in evidence.figures]
    lines += ["", *(f"# {complaint}" for complaint in evidence.complaints)]
    is_clean = not problems and not evidence.complaints
    return [*lines, "# the ledger is clean" if is_clean else "# the ledger is NOT clean"]
