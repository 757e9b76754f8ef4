"""A delivery as an SVG timeline: stages as lanes, their sequences and tasks, and who did what when.

    python -m examples.timeline --db data/sequences.db --project sockshop --context ID > out.svg

Shows: a picture as a pure function of the library's events, without I/O and without a clock: the
same events and the same `now` give the same bytes. It tells whom a sequence waited for, how its
tasks ended, where it was paused or delayed, who controlled it and why, and which time limit was
met. Beside every color stands a pattern or a word, and a dark screen gets a dark picture. All texts
from outside are escaped, and what nobody could see in them is spelled out. Leaves out: payloads,
all but the newest 40 sequences and notes of a context, and everything that moves.
"""

from examples.timeline.drawing import UnknownContext, timeline_svg

__all__ = ["UnknownContext", "timeline_svg"]
