"""What has become due: one step for each deadline, lanes filled after each (R29–R31)."""

from __future__ import annotations

from sequencectl._project.admission import admit, touch_open_lines
from sequencectl._project.draft import Draft
from sequencectl._project.follow_ups import close_step
from sequencectl._sequence import life
from sequencectl.commands import CheckDeadlines
from sequencectl.outcomes import APPLIED, Outcome, Unchanged, UnchangedCode


def check(draft: Draft, command: CheckDeadlines) -> Outcome:
    """Act on what is due, in order of (instant, place), then admit in every lane (R3, R29)."""
    for _ in range(command.limit):
        first = draft.state.index.deadlines.first
        if first is None or first[0] > draft.now:
            break
        life.fire(draft, first[2])
        close_step(draft)
    touch_open_lines(draft, draft.state.index.lines)
    admit(draft)
    return APPLIED if draft.events else Unchanged(UnchangedCode.NOTHING_DUE)
