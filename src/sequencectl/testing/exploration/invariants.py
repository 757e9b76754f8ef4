"""What must hold after each transition: rules R1 to R42 as predicates with names.

Each looks at one decision, the records before it and those after it, and says what is wrong; an
empty text means that all is well. They are written from ``docs/rules.md`` and use the core as
little as they can: who holds a lane, who is covered by a pause, what is over and when a limit ends
is worked out once more. The predicates of every decision are here; those of a theme are in
``of_queue``, ``of_openings``, ``of_tasks``, ``of_failures``, ``of_redrives``, ``of_silence``,
``of_approvals``, ``of_controls`` and ``of_limits``.
"""

from __future__ import annotations

from functools import reduce
from typing import Final

from sequencectl._project.fold import evolve
from sequencectl.outcomes import Applied
from sequencectl.testing.exploration.answers import expected, word
from sequencectl.testing.exploration.of_approvals import OF_APPROVALS
from sequencectl.testing.exploration.of_controls import OF_CONTROLS
from sequencectl.testing.exploration.of_failures import OF_FAILURES
from sequencectl.testing.exploration.of_limits import OF_LIMITS
from sequencectl.testing.exploration.of_openings import OF_OPENINGS
from sequencectl.testing.exploration.of_queue import OF_THE_QUEUE
from sequencectl.testing.exploration.of_redrives import OF_REDRIVES
from sequencectl.testing.exploration.of_silence import OF_SILENCE
from sequencectl.testing.exploration.of_tasks import OF_TASKS
from sequencectl.testing.exploration.transition import IN_LINE, Check, Transition


def answers_as_the_rules_say(t: Transition) -> str:
    """Every command gets the outcome that the rules say (R6–R8, R13, R18–R25, R29, R34–R42)."""
    wanted = expected(t.plane, t.before, t.command, t.at)
    seen = word(t.decision.outcome)
    return f"expected {wanted!r}, answered {seen!r}" if wanted not in {"", seen} else ""


def unchanged_leaves_no_trace(t: Transition) -> str:
    """A command that is not applied has no events and leaves the state alone (R13, R25, R29)."""
    if isinstance(t.decision.outcome, Applied):
        return "" if t.events else "applied without an event"
    same = t.after is t.before and not t.events
    return "" if same else f"{word(t.decision.outcome)} with {len(t.events)} events"


def events_replay(t: Transition) -> str:
    """The events, folded one after the other, lead to the same state (R31)."""
    same = reduce(evolve, t.events, t.before) == t.after
    return "" if same else "the events fold to another state"


def indexes_equal_their_rebuild(t: Transition) -> str:
    """Lines, holders, tasks, contexts and deadlines follow from the records alone (R2, R5)."""
    if t.after.index != t.after.rebuilt().index:
        return "the index is not that of the records"
    for lane in {each.lane for each in t.live}:
        there = sorted((-each.priority, each.place, each) for each in t.live if each.lane == lane)
        for part, shown in ((True, t.after.line(lane)), (False, t.after.holders(lane))):
            wanted = [each.sequence_id for *_, each in there if (each.phase in IN_LINE) is part]
            if wanted != list(shown):
                return f"lane {lane} shows {shown}, its records say {wanted}"
    return ""


ALWAYS: Final[tuple[Check, ...]] = (answers_as_the_rules_say, unchanged_leaves_no_trace)
"""The predicates for every command."""

WHEN_APPLIED: Final[tuple[Check, ...]] = (
    events_replay,
    indexes_equal_their_rebuild,
    *OF_THE_QUEUE,
    *OF_OPENINGS,
    *OF_TASKS,
    *OF_FAILURES,
    *OF_REDRIVES,
    *OF_SILENCE,
    *OF_APPROVALS,
    *OF_CONTROLS,
    *OF_LIMITS,
)
"""The predicates for every command that changed something."""
