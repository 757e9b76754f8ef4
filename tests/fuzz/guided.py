"""Coverage-guided fuzzing with atheris: ``python3 dev.py deep fuzz [--seconds N] [CORPUS]``.

It goes where reading took a new branch. The first byte of an input chooses the target, the rest is
the document; inputs are damaged as mutants are, or as libFuzzer does. What it finds worth keeping
goes into the folder CORPUS, from which the next run goes on. It fails at the first input from which
anything but a typed refusal or an equal value comes, prints it, and writes it into that folder.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore] # in a layer of its own

with atheris.instrument_imports(include=["sequencectl"]):
    import sequencectl.cloudevents
    import sequencectl.serialization  # noqa: F401 - what is watched

from tests.fuzz.corpus import DOCUMENTS, TARGETS, Document, parts_of
from tests.fuzz.mutants import Mutant, damaged
from tests.fuzz.verdicts import judged

NAMES: Final = list(TARGETS)
CORPUS: Final = Path("build/fuzz")


def one(data: bytes) -> None:
    """Fail if anything but a typed refusal or an equal value comes from an input."""
    if not data:
        return
    target = NAMES[data[0] % len(NAMES)]
    verdict = judged(Mutant(0, 0, target, target, data[1:]))
    if verdict.problem:
        raise AssertionError(f"{target} {verdict.problem}: {data[1:].hex()}")


def changed(data: bytes, longest: int, seed: int) -> bytes:
    """An input after some damage: ours, or libFuzzer's own."""
    choice = random.Random(seed)
    parts = parts_of(data[1:])
    if not parts or choice.random() < 0.3:
        mutated: bytes = atheris.Mutate(data, longest)
        return mutated
    name = NAMES[data[0] % len(NAMES)]
    try:
        return (data[:1] + damaged(choice, Document(name, name, data[1:], parts)))[:longest]
    except ValueError:  # what looked like a text was none
        return data


def main(arguments: Sequence[str]) -> None:
    """Run the command line; atheris ends the process, with another status than 0 if it failed."""
    parser = argparse.ArgumentParser("dev.py deep fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=300, help="how long to look")
    parser.add_argument("corpus", nargs="?", type=Path, default=CORPUS)
    options = parser.parse_args(arguments)
    options.corpus.mkdir(parents=True, exist_ok=True)
    for document in DOCUMENTS:
        first = bytes([NAMES.index(document.target)])
        name = "".join(letter if letter.isalnum() else "-" for letter in document.name)
        (options.corpus / name).write_bytes(first + document.data)
    limits = [f"-max_total_time={options.seconds}", "-max_len=20000", "-timeout=10"]
    more = ["-print_final_stats=1", f"-artifact_prefix={options.corpus}/failed-"]
    atheris.Setup(["fuzz", *limits, *more, str(options.corpus)], one, custom_mutator=changed)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
