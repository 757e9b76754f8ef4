"""Schemas: older ones are read, the newest is written, and an older one on request."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final, cast

import pytest

import sequencectl as s
from sequencectl import serialization as z
from sequencectl._wire.decoding import structured
from sequencectl._wire.documents import UPGRADES, Upgrade, canonical, read
from sequencectl._wire.documents import write as write_text
from sequencectl._wire.grammar import Json, Snapshot
from sequencectl.errors import DecodeError, InvalidValue, SchemaTooNew
from sequencectl.serialization import SCHEMA
from tests.wire.documents import PARTS, WHOLES, Document, chosen
from tests.wire.older import read_again

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


# The invented next schema calls the instant of an event "happened", the one after it "when".
NEXT: Final = Upgrade(
    up=lambda kind, tree: renamed(kind, tree, "at", "happened"),
    down=lambda kind, tree: renamed(kind, tree, "happened", "at"),
)
AFTER: Final = Upgrade(
    up=lambda kind, tree: renamed(kind, tree, "happened", "when"),
    down=lambda kind, tree: renamed(kind, tree, "when", "happened"),
)


ONE_MORE: Final = (*UPGRADES, NEXT)
TWO_MORE: Final = (*ONE_MORE, AFTER)


def write(kind: str, tree: Json, *, schema: int, upgrades: tuple[Upgrade, ...]) -> bytes:
    """Write the tree of a value of the newest schema, which is not that of today."""
    return write_text(kind, canonical(tree), schema=schema, upgrades=upgrades)


def today(document: Document) -> dict[str, Any]:
    """What a document says today, as plain JSON."""
    return cast("dict[str, Any]", json.loads(document.dump(document.value)))


WITH_EVENTS: Final = ["event-TaskTriggered-1", "events", "project", "record-running", "header"]


@pytest.mark.parametrize("name", WITH_EVENTS)
def test_an_older_document_is_taken_up_schema_by_schema(name: str) -> None:
    """A reader of a later schema reads what schema 1 wrote as if it had been written there."""
    document = chosen()[name]
    kind = name.partition("-")[0]
    data = document.dump(document.value, schema=1)
    last = read(kind, data, limit=LIMIT, upgrades=TWO_MORE)
    written = write(kind, last, schema=SCHEMA + 2, upgrades=TWO_MORE)

    assert (b'"when":' in written) is (name != "header")
    assert last == read(kind, written, limit=LIMIT, upgrades=TWO_MORE)
    again = document._replace(value=read_again(document.value))
    assert today(again)[kind] == read(kind, data, limit=LIMIT)


@pytest.mark.parametrize("name", WITH_EVENTS)
def test_a_writer_that_is_told_an_older_schema_takes_the_document_down(name: str) -> None:
    """During a rolling upgrade the old readers read what the new writers write."""
    document = chosen()[name]
    kind = name.partition("-")[0]
    data = document.dump(document.value)
    last = read(kind, data, limit=LIMIT, upgrades=TWO_MORE)
    following = read(kind, data, limit=LIMIT, upgrades=ONE_MORE)
    second = write(kind, following, schema=SCHEMA + 1, upgrades=ONE_MORE)

    for schema, wanted in (
        (SCHEMA + 1, second),
        (SCHEMA, data),
        (1, document.dump(document.value, schema=1)),
    ):
        again = read(kind, data, limit=LIMIT, upgrades=TWO_MORE)
        assert last == again
        assert wanted == write(kind, again, schema=schema, upgrades=TWO_MORE)


def test_the_values_of_the_story_survive_a_later_schema() -> None:
    """Up and down again, through bytes each time, nothing is lost."""
    snapshot = structured(today(WHOLES["project"])["project"], Snapshot, "project")
    up = read(
        "project", WHOLES["project"].dump(WHOLES["project"].value), limit=LIMIT, upgrades=ONE_MORE
    )
    data = write("project", up, schema=SCHEMA, upgrades=ONE_MORE)

    assert snapshot == structured(read("project", data, limit=LIMIT), Snapshot, "project")


def test_a_newer_document_is_refused_before_anything_in_it_is_read() -> None:
    """The error says its schema and which one is understood, whatever else is there."""
    for data in (b'{"schema":3}', b'{"schema":3,"record":1,"else":[]}', b'{"schema":3,"event":{}}'):
        for load in (z.load_record, z.load_event, z.load_project, z.load_header, z.load_command):
            with pytest.raises(SchemaTooNew) as caught:
                load(data)

            assert (3, 2) == (caught.value.found, caught.value.understood)
            assert "schema: must be at most 2" in str(caught.value)
            assert isinstance(caught.value, DecodeError)


def test_a_reader_understands_as_many_schemas_as_it_knows_upgrades() -> None:
    """One of schema 1 refuses schema 2, and one of schema 3 refuses schema 4."""
    for upgrades, data in (((), b'{"schema":2}'), (ONE_MORE, b'{"schema":4}')):
        with pytest.raises(SchemaTooNew) as caught:
            read("event", data, limit=LIMIT, upgrades=upgrades)

        understood = 1 + len(upgrades)
        assert (understood + 1, understood) == (caught.value.found, caught.value.understood)


@pytest.mark.parametrize("schema", [0, 3, -1, True, "1", 1.0, None])
def test_a_schema_that_does_not_exist_is_not_written(schema: Any) -> None:
    """A typing error in a deployment is heard of at once."""
    for document in chosen().values():
        with pytest.raises(InvalidValue) as caught:
            document.dump(document.value, schema=schema)
        assert f"schema: must be an int from 1 to 2, got {schema!r}" == str(caught.value)


def test_the_rows_of_a_decision_are_written_in_the_schema_that_is_asked() -> None:
    """What `dump_changes` is told goes for each of its rows."""
    plane = s.ControlPlane(s.Shipyard.of({"dev": {"delivery": ["deploy"]}}))
    trigger = s.TriggerSequence("a", stage="dev", sequence="delivery", service="carts")
    decision = plane.decide(plane.initial("sockshop"), trigger, datetime(2026, 1, 1, 9, tzinfo=UTC))

    record = decision.state.sequences["a"]
    for schema in (1, 2):
        row = z.Change("a", z.dump_record(record, schema=schema), 1)
        assert (row,) == z.dump_changes(decision, schema=schema)
    assert z.dump_changes(decision) == z.dump_changes(decision, schema=2)
    assert z.dump_changes(decision) != z.dump_changes(decision, schema=1)


@pytest.mark.parametrize("event", [b"null", b"[]", b"1", b"{}"])
def test_an_upgrade_that_stumbles_over_garbage_is_a_decode_error(event: bytes) -> None:
    """Upgrades meet trees that nobody has checked."""
    for data in (b'{"event":%b,"schema":2}', b'{"events":[%b],"schema":2}'):
        kind = "events" if b"events" in data else "event"
        with pytest.raises(DecodeError, match="must be of schema 2, which it is not: "):
            read(kind, data % event, limit=LIMIT, upgrades=ONE_MORE)


def test_an_upgrade_passes_over_no_unknown_key() -> None:
    """What an upgrade does not know is left for the types to refuse."""
    for project in ({"extra": 1, "header": {}, "records": []}, {"header": {}, "records": 1}):
        data = json.dumps({"project": project, "schema": SCHEMA}).encode()

        assert project == read("project", data, limit=LIMIT, upgrades=ONE_MORE)


@pytest.mark.parametrize("body", ["null", "[]", "1", "{}"])
def test_an_upgrade_is_handed_parts_only(body: str) -> None:
    """Whatever stands for a project or for events, an upgrade never sees that kind."""
    for kind in ("project", "events"):
        data = f'{{"{kind}":{body},"schema":{SCHEMA}}}'.encode()
        tree = read(kind, data, limit=LIMIT, upgrades=ONE_MORE)

        assert json.loads(body) == tree
        with pytest.raises(DecodeError):
            getattr(z, f"load_{kind}")(b'{"%b":1,"schema":1}' % kind.encode())


def test_an_upgrade_may_say_that_the_older_schema_lacks_the_words() -> None:
    """A writer that cannot say it in the older schema says so, and writes nothing."""

    def down(_kind: str, tree: Json) -> Json:
        raise InvalidValue("reason", tree, "cannot be said in schema 2")

    upgrades = (*UPGRADES, Upgrade(up=lambda _kind, tree: tree, down=down))
    command = today(PARTS["command-FreezeStage-1"])["command"]
    for schema in (1, 2):
        with pytest.raises(InvalidValue, match=r"^command\.reason: cannot be said in schema 2"):
            write("command", command, schema=schema, upgrades=upgrades)

    assert write("command", command, schema=3, upgrades=upgrades).endswith(b'"schema":3}')
