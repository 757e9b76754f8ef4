"""Nothing is imported or compiled after the import: a workflow's sandbox refuses that."""

from __future__ import annotations

import pytest

from tests.test_purity import run

SANDBOXED = """
import builtins, importlib, linecache, sys, typing

import attrs

from sequencectl import serialization
from sequencectl.errors import DecodeError
from tests.wire.documents import PARTS, WHOLES


def refuse(*arguments, **more):
    raise AssertionError(f"refused: {arguments}")


def listen(event, arguments):
    if listening and event in {"import", "compile", "exec", "open"}:
        raise AssertionError(f"audited: {event} {arguments}")


listening = False
sys.addaudithook(listen)
for module, names in {
    builtins: ("__import__", "compile", "eval", "exec", "open"),
    importlib: ("import_module",),
    linecache: ("getline", "getlines", "lazycache", "updatecache"),
    typing: ("get_type_hints",),
    attrs: ("resolve_types", "make_class"),
}.items():
    for name in names:
        setattr(module, name, refuse)
linecache.cache = None

listening = True
read = 0
for name, document in {**PARTS, **WHOLES}.items():
    for schema in range(document.since, serialization.SCHEMA + 1):
        data = document.dump(document.value, schema=schema)
        document.load(data)
        try:
            document.load(data.replace(b'":', b'x":', 1))
        except DecodeError as error:
            read += len(str(error)) > 0
    assert document.value == document.load(document.dump(document.value))
BEFORE
listening = False
print("read", read)
"""


def test_every_document_is_written_and_read_in_a_sandbox() -> None:
    """With imports, files and compilers shut off, each is written, read, refused if damaged."""
    done = run(SANDBOXED.replace("BEFORE", ""))

    assert "" == done.stderr
    assert done.stdout.startswith("read ")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("exec('1')", "refused: "),
        ("import colorsys", "refused: "),
        ("open('/dev/null')", "refused: "),
        ("attrs.define(type('Made', (), {}))", "has no attribute 'setdefault'"),
    ],
)
def test_the_sandbox_would_notice(statement: str, said: str) -> None:
    """Each of these, slipped in, ends the program."""
    done = run(SANDBOXED.replace("BEFORE", statement))

    assert 1 == done.returncode
    assert said in done.stderr
