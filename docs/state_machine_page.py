"""Writes ``docs/state-machine.md`` from the rulebook.

To be run after a change of the table: ``.venv/bin/python docs/state_machine_page.py``. The page is
committed, so that it can be read without a build; a test compares it with what `page` gives.
"""

from pathlib import Path

from sequencectl._sequence import rulebook
from sequencectl._sequence.rulebook import TRANSITIONS
from sequencectl.sequence import Phase

TARGET = Path(__file__).parent / "state-machine.md"

HEAD = """\
<!-- Written by docs/state_machine_page.py from sequencectl/_sequence/rulebook.py: do not edit. -->

# State machine
"""

TABLE_HEAD = """\
## The table

One row for each event, one column for each phase that a sequence can still leave. The entry is the
phase after the event. Where there is none, the event cannot happen in that phase.
"""


def words(event: type) -> str:
    """The name of an event as it stands in the table."""
    return f"`{event.__name__}`"


def table() -> str:
    """The rows of the rulebook, event by phase."""
    after = {(event, phase): then for event, phase, then in TRANSITIONS}
    events = list(dict.fromkeys(event for event, _, _ in TRANSITIONS))
    phases = [phase for phase in Phase if any(before is phase for _, before, _ in TRANSITIONS)]
    lines = [["event", *(phase.name for phase in phases)], ["---"] * (len(phases) + 1)]
    for event in events:
        entries = [after.get((event, phase)) for phase in phases]
        lines.append([words(event), *(entry.name if entry else "" for entry in entries)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def ends() -> str:
    """Which phases no row leaves, and what leads there."""
    left = {before for _, before, _ in TRANSITIONS}
    lines = []
    for phase in Phase:
        if phase not in left:
            events = dict.fromkeys(event for event, _, then in TRANSITIONS if then is phase)
            lines.append(f"- {phase.name}, by {', '.join(words(event) for event in events)}\n")
    return "No row leaves these phases:\n\n" + "".join(lines)


def page() -> str:
    """The whole page: the theory as the module tells it, the table, the ends."""
    _first_sentence, _, theory = (rulebook.__doc__ or "").partition("\n\n")
    return "\n".join([HEAD, theory.strip() + "\n", TABLE_HEAD, table(), ends()])


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
