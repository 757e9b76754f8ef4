"""Schemas: older ones are read, the newest is written, and an older one on request."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final, cast

import pytest

import sequencectl as s
from sequencectl import serialization as z
from sequencectl._wire.decoding import structured
from sequencectl._wire.documents import Json, Upgrade, canonical, read
from sequencectl._wire.documents import write as write_text
from sequencectl._wire.grammar import Snapshot
from sequencectl.errors import DecodeError, InvalidValue, SchemaTooNew
from tests.wire.documents import PARTS, WHOLES, Document, chosen

LIMIT: Final = 2**20


def renamed(kind: str, tree: Json, old: str, new: str) -> Json:
    """Rename one field of every event, the one inside of a record included."""
    assert kind in {"record", "header", "event", "command"}
    fields = cast("dict[str, Any]", tree)
    if kind == "record" and fields.get("task") is not None:
        fields["task"]["triggered"] = renamed("event", fields["task"]["triggered"], old, new)
    if kind == "event":
        fields[new] = fields.pop(old)
    return fields


# The invented schema 2 calls the instant of an event "happened", schema 3 calls it "when".
TWO: Final = Upgrade(
    up=lambda kind, tree: renamed(kind, tree, "at", "happened"),
    down=lambda kind, tree: renamed(kind, tree, "happened", "at"),
)
THREE: Final = Upgrade(
    up=lambda kind, tree: renamed(kind, tree, "happened", "when"),
    down=lambda kind, tree: renamed(kind, tree, "when", "happened"),
)


def write(kind: str, tree: Json, *, schema: int, upgrades: tuple[Upgrade, ...]) -> bytes:
    """Write the tree of a value of the newest schema, which is not that of today."""
    return write_text(kind, canonical(tree), schema=schema, upgrades=upgrades)


def today(document: Document) -> dict[str, Any]:
    """What a document says, in schema 1, as plain JSON."""
    return cast("dict[str, Any]", json.loads(document.dump(document.value)))


WITH_EVENTS: Final = ["event-TaskTriggered-1", "events", "project", "record-running", "header"]


@pytest.mark.parametrize("name", WITH_EVENTS)
def test_an_older_document_is_taken_up_schema_by_schema(name: str) -> None:
    """A reader of schema 3 reads what schema 1 wrote as if schema 3 had."""
    document = chosen()[name]
    kind = name.partition("-")[0]
    data = document.dump(document.value)
    third = read(kind, data, limit=LIMIT, upgrades=(TWO, THREE))
    written = write(kind, third, schema=3, upgrades=(TWO, THREE))

    assert (b'"when":' in written) is (name != "header")
    assert third == read(kind, written, limit=LIMIT, upgrades=(TWO, THREE))
    assert today(document)[kind] == read(kind, data, limit=LIMIT)


@pytest.mark.parametrize("name", WITH_EVENTS)
def test_a_writer_that_is_told_an_older_schema_takes_the_document_down(name: str) -> None:
    """During a rolling upgrade the old readers read what the new writers write."""
    document = chosen()[name]
    kind = name.partition("-")[0]
    data = document.dump(document.value)
    third = read(kind, data, limit=LIMIT, upgrades=(TWO, THREE))
    second = write(kind, read(kind, data, limit=LIMIT, upgrades=(TWO,)), schema=2, upgrades=(TWO,))

    third_again = read(kind, data, limit=LIMIT, upgrades=(TWO, THREE))
    assert second == write(kind, third, schema=2, upgrades=(TWO, THREE))
    assert data == write(kind, third_again, schema=1, upgrades=(TWO, THREE))


def test_the_values_of_the_story_survive_schema_2() -> None:
    """Up and down again, through bytes each time, nothing is lost."""
    snapshot = structured(today(WHOLES["project"])["project"], Snapshot, "project")
    up = read(
        "project", WHOLES["project"].dump(WHOLES["project"].value), limit=LIMIT, upgrades=(TWO,)
    )
    data = write("project", up, schema=1, upgrades=(TWO,))

    assert snapshot == structured(read("project", data, limit=LIMIT), Snapshot, "project")


def test_a_newer_document_is_refused_before_anything_in_it_is_read() -> None:
    """The error says its schema and which one is understood, whatever else is there."""
    for data in (b'{"schema":2}', b'{"schema":2,"record":1,"else":[]}', b'{"schema":2,"event":{}}'):
        for load in (z.load_record, z.load_event, z.load_project, z.load_header, z.load_command):
            with pytest.raises(SchemaTooNew) as caught:
                load(data)

            assert (2, 1) == (caught.value.found, caught.value.understood)
            assert "schema: must be at most 1" in str(caught.value)
            assert isinstance(caught.value, DecodeError)


def test_a_reader_of_schema_2_refuses_schema_3() -> None:
    """How many upgrades a reader knows is what it understands."""
    with pytest.raises(SchemaTooNew) as caught:
        read("event", b'{"schema":3}', limit=LIMIT, upgrades=(TWO,))

    assert (3, 2) == (caught.value.found, caught.value.understood)


@pytest.mark.parametrize("schema", [0, 2, -1, True, "1", 1.0, None])
def test_a_schema_that_does_not_exist_is_not_written(schema: Any) -> None:
    """A typing error in a deployment is heard of at once."""
    for document in chosen().values():
        with pytest.raises(InvalidValue) as caught:
            document.dump(document.value, schema=schema)
        assert f"schema: must be an int from 1 to 1, got {schema!r}" == str(caught.value)


def test_the_rows_of_a_decision_are_written_in_the_schema_that_is_asked() -> None:
    """What `dump_changes` is told goes for each of its rows."""
    plane = s.ControlPlane(s.Shipyard.of({"dev": {"delivery": ["deploy"]}}))
    trigger = s.TriggerSequence("a", stage="dev", sequence="delivery", service="carts")
    decision = plane.decide(plane.initial("sockshop"), trigger, datetime(2026, 1, 1, 9, tzinfo=UTC))

    assert z.dump_changes(decision) == z.dump_changes(decision, schema=1)
    with pytest.raises(InvalidValue, match=r"^schema: must be an int from 1 to 1, got 2"):
        z.dump_changes(decision, schema=2)


@pytest.mark.parametrize("event", [b"null", b"[]", b"1", b"{}"])
def test_an_upgrade_that_stumbles_over_garbage_is_a_decode_error(event: bytes) -> None:
    """Upgrades meet trees that nobody has checked."""
    for data in (b'{"event":%b,"schema":1}', b'{"events":[%b],"schema":1}'):
        kind = "events" if b"events" in data else "event"
        with pytest.raises(DecodeError, match="must be of schema 1, which it is not: "):
            read(kind, data % event, limit=LIMIT, upgrades=(TWO,))


def test_an_upgrade_passes_over_no_unknown_key() -> None:
    """What an upgrade does not know is left for the types to refuse."""
    for project in ({"extra": 1, "header": {}, "records": []}, {"header": {}, "records": 1}):
        data = json.dumps({"project": project, "schema": 1}).encode()

        assert project == read("project", data, limit=LIMIT, upgrades=(TWO,))


@pytest.mark.parametrize("body", ["null", "[]", "1", "{}"])
def test_an_upgrade_is_handed_parts_only(body: str) -> None:
    """Whatever stands for a project or for events, an upgrade never sees that kind."""
    for kind in ("project", "events"):
        data = f'{{"{kind}":{body},"schema":1}}'.encode()
        tree = read(kind, data, limit=LIMIT, upgrades=(TWO,))

        assert json.loads(body) == tree
        with pytest.raises(DecodeError):
            getattr(z, f"load_{kind}")(b'{"%b":1,"schema":1}' % kind.encode())


def test_an_upgrade_may_say_that_the_older_schema_lacks_the_words() -> None:
    """A writer that cannot say it in the older schema says so, and writes nothing."""

    def down(_kind: str, tree: Json) -> Json:
        raise InvalidValue("command", tree, "cannot be said in schema 1")

    upgrade = Upgrade(up=lambda _kind, tree: tree, down=down)
    command = today(PARTS["command-FreezeStage-1"])["command"]
    with pytest.raises(InvalidValue, match="cannot be said in schema 1"):
        write("command", command, schema=1, upgrades=(upgrade,))

    assert write("command", command, schema=2, upgrades=(upgrade,)).endswith(b'"schema":2}')
