"""How much memory one that waits takes: ``python3 dev.py bench memory``.

What counts is what the process grows by: a fresh one for each size measures its resident memory
before and after it makes the project, and divides the difference. Where it goes is told by walking
through the project: each object is counted once, in the part that is walked first, with the size
that Python gives for it. What is left over is inside of rpds, where Python cannot look, or lost to
the allocators.

Ids have 36 characters, there is no data, and all share one definition, as sequences of one shipyard
do; contexts and sequence ids are the same, as they are by default.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import attrs

from sequencectl import ProjectState, SequenceRecord
from sequencectl._persistent import Map
from sequencectl.serialization import ForgottenSequence, dump_record, load_record
from tests.bench.crowd import crowd, uuid_name

ROOT = Path(__file__).resolve().parents[2]
SIZE = 100_000
_PER_LANE = 100
_SHARED = (type, ModuleType, FunctionType, Enum, bool, type(None))
_GRAIN = 16  # what CPython's allocator rounds up to


@attrs.frozen
class Part:
    """What one part of a project holds that no part before it holds."""

    objects: Mapping[str, tuple[int, int]]
    """How many and how many bytes, by the name of the type."""
    entries: int
    """How many entries its persistent maps have."""


def memory(size: int = SIZE) -> None:
    """Measure and print."""
    print("\nMemory: bytes for each that waits; ids of 36 characters, no data, one definition")
    fewer = max(size // 4, 1)
    runs = [
        ("decided", size, 1),
        ("decided", fewer, max(fewer // _PER_LANE, 1)),
        ("loaded", fewer, 1),
    ]
    found = [_in_a_fresh_process(*run) for run in runs]
    for (kind, count, lanes), each in zip(runs, found, strict=True):
        spread = "one lane" if lanes == 1 else f"a lane for {_PER_LANE}"
        print(f"  {f'{kind}, {count:,} in {spread}':44}{each['bytes'] / count:8,.0f} bytes")
    _print_parts(runs[0][1], found[0])
    _print_parts(runs[2][1], found[2], "loaded from its row: ")


def _print_parts(size: int, found: dict[str, Any], prefix: str = "") -> None:
    print(f"  {prefix}where it goes, bytes each (how many objects each)")
    seen = 0
    for name, part in found["parts"].items():
        whole = sum(taken for _, taken in part["objects"].values())
        seen += whole
        if whole < size:
            continue
        largest = sorted(part["objects"].items(), key=lambda item: -item[1][1])
        said = ", ".join(
            f"{kind} {taken / size:.0f} ({count / size:.2g})"
            for kind, (count, taken) in largest
            if taken >= size
        )
        print(f"    {name:18}{whole / size:6.0f}   {said}")
    entries = sum(part["entries"] for part in found["parts"].values())
    rest = (found["bytes"] - seen) / size
    print(f"    {'rpds, allocators':18}{rest:6.0f}   {entries / size:.2g} entries of maps")


# ---------------------------------------------------------------- one process


def _in_a_fresh_process(kind: str, size: int, lanes: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.memory", kind, str(size), str(lanes)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _measured(kind: str, size: int, lanes: int) -> dict[str, Any]:
    _make(kind, 100, 1)  # what is made only once
    gc.collect()
    before = resident()
    state = _make(kind, size, lanes)
    gc.collect()
    grown = resident() - before
    parts = {name: attrs.asdict(part) for name, part in inventory(state).items()}
    return {"bytes": grown, "parts": parts}


def _make(kind: str, size: int, lanes: int) -> ProjectState:
    stored = _loaded if kind == "loaded" else None
    return crowd(size, lanes=lanes, name=uuid_name, stored=stored)


def _loaded(record: SequenceRecord) -> SequenceRecord:
    """Return what a store gives back for its row."""
    read = load_record(dump_record(record))
    assert not isinstance(read, ForgottenSequence)
    return read


def resident() -> int:
    """Return the bytes of memory this process has, or the most it ever had where Linux is not."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        import resource  # there is none on Windows

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    import resource

    return pages * resource.getpagesize()


# ---------------------------------------------------------------- one project


def inventory(state: ProjectState) -> dict[str, Part]:
    """Return what each part of a project holds: its fields, and those of its index."""
    seen: set[int] = set()
    return {name: _part(root, seen) for name, root in _roots(state)}


def _roots(state: ProjectState) -> Iterator[tuple[str, object]]:
    for field in attrs.fields(ProjectState):
        value = getattr(state, field.name)
        if field.name != "index":
            yield field.name.lstrip("_"), value
    for field in attrs.fields(type(state.index)):
        yield f"index.{field.name}", getattr(state.index, field.name)


def _part(root: object, seen: set[int]) -> Part:
    counts: Counter[str] = Counter()
    sizes: defaultdict[str, int] = defaultdict(int)
    entries, todo = 0, [root]
    while todo:
        found = todo.pop()
        if id(found) in seen or isinstance(found, _SHARED):
            continue
        seen.add(id(found))
        name = type(found).__name__
        counts[name] += 1
        sizes[name] += -(-sys.getsizeof(found) // _GRAIN) * _GRAIN
        if isinstance(found, Map):
            entries += len(found)
            for key in found:
                todo += (key, found[key])
        else:
            todo += gc.get_referents(found)
    return Part({name: (counts[name], sizes[name]) for name in sorted(counts)}, entries)


if __name__ == "__main__":
    print(json.dumps(_measured(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
