"""After a restored backup: take in what was published after it, so that nothing is told twice.

Shows: a state that is brought forward by events alone, which hold all that a state is made of.
Leaves out: where the published events are kept; a bus that keeps them, or an audit log, will do.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from sequencectl import Applied, CheckDeadlines, ControlPlane, Decision, Event, evolve
from sequencectl.ports import Store


def roll_forward(
    store: Store, plane: ControlPlane, project: str, published: Iterable[Event]
) -> int:
    """Bring a restored project up to the last of its published events; return how many it lacked.

    Call it before any host starts. `published` are events of this project by serial, repeats
    and older ones among them if you like. Raises `ReplayError` if one is missing between the
    backup and these, or if hosts have gone on already: then nothing is written.
    """
    before = store.load(project) or plane.initial(project)
    missed: dict[int, Event] = {}
    for event in published:
        if event.serial > before.serial:
            missed.setdefault(event.serial, event)
    if not missed:
        return 0
    events = tuple(missed.values())
    state = reduce(evolve, events, before)
    # An outbox is published by serial: who has these has had all before them.
    store.commit(Decision(before, state, events, Applied(), CheckDeadlines()))
    store.acknowledge(project, through=state.serial)
    return len(events)
