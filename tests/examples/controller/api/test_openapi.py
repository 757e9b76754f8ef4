"""The OpenAPI document is valid and complete, and its examples are what it says they are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from examples.controller.api.door import OPEN
from examples.controller.api.openapi import OPERATIONS
from examples.controller.api.schemas import SCHEMAS
from examples.controller.storage.cloudevents import history_of
from examples.controller.storage.states import detail_of
from tests.examples.controller.api.described import Described, name_in
from tests.examples.controller.served import Served
from tests.examples.controller.storage.folding import folded
from tests.examples.controller.storage.test_deliveries import Past, pasts

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """The document as it is served."""
    with Served(tmp_path_factory.mktemp("openapi")) as served:
        return served.get("/openapi.json")


@pytest.fixture(scope="module")
def described(document: Document) -> Described:
    """What it says of bodies."""
    return Described(document)


def operations(document: Document) -> list[Document]:
    """Every operation of a document."""
    return [each for methods in document["paths"].values() for each in methods.values()]


def test_the_document_is_valid(document: Document) -> None:
    """It obeys the schema of OpenAPI 3.1, and every reference leads somewhere."""
    validate(document)

    assert document["openapi"].startswith("3.1.")


def test_every_route_is_described_and_nothing_else(document: Document) -> None:
    """The table of routes and that of operations have the same names, each of them once."""
    names = [each["operationId"] for each in operations(document)]

    assert sorted(OPERATIONS) == sorted(names)


def test_every_operation_says_what_it_does_and_takes(document: Document) -> None:
    """A summary, a tag that is explained, and each parameter of its path."""
    tags = {each["name"] for each in document["tags"]}

    for path, methods in document["paths"].items():
        for operation in methods.values():
            in_path = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert {part for part in in_path if f"{{{part}}}" in path} == in_path
            assert path.count("{") == len(in_path)
            assert operation["summary"].endswith(".")
            assert tags >= {*operation["tags"]}


def test_every_body_has_an_example_that_fits_its_schema(
    document: Document, described: Described
) -> None:
    """Of requests and of answers that are a success; those that are not are all alike."""
    given = [body for each in operations(document) for body in bodies(each)]

    assert len(OPERATIONS) <= len(given)
    assert [] == [
        wrong
        for body in given
        for wrong in described.misfits(name_in(body["schema"]), body["example"])
    ]


def bodies(operation: Document) -> list[Document]:
    """What an operation takes and answers: of each its schema and its example."""
    taken = [operation["requestBody"]] if "requestBody" in operation else []
    answers = [each for each in operation["responses"].values() if "$ref" not in each]
    return [body for each in (*taken, *answers) for body in each["content"].values()]


def test_every_example_of_a_parameter_fits_its_schema(document: Document) -> None:
    """And each part of a path has one."""
    parameters = [part for each in operations(document) for part in each["parameters"]]
    given = [each for each in parameters if each["in"] == "path" or "example" in each]

    assert [] == [
        each for each in given if not OAS31Validator(each["schema"]).is_valid(each["example"])
    ]


def test_a_schema_that_nothing_refers_to_is_not_kept(document: Document) -> None:
    """Each is a body, an answer, or a part of one."""
    text = str(document)

    assert set() == {name for name in SCHEMAS if f"'#/components/schemas/{name}'" not in text}


def test_what_is_open_to_everybody_says_so(document: Document) -> None:
    """Everything else needs the token, and may be answered with 401."""
    paths = document["paths"]
    is_open = {path for path, of in paths.items() for each in of.values() if "security" in each}
    refusing = {path for path, of in paths.items() for each in of.values()
                if "401" in each["responses"]}  # fmt: skip

    assert [{"token": []}] == document["security"]
    assert OPEN & paths.keys() == is_open
    assert paths.keys() - is_open == refusing


def test_a_method_that_is_not_served_is_told_all_that_are(
    served: Served, document: Document
) -> None:
    """`Allow` has every method of a path, although each of them is a route of its own."""
    answers = {path: served.ask("PATCH", path) for path in document["paths"]}
    allowed = {path: {*answer.headers["allow"].split(", ")} for path, answer in answers.items()}

    assert {405} == {answer.status_code for answer in answers.values()}
    assert {} == {
        path: methods
        for path, methods in document["paths"].items()
        if not {method.upper() for method in methods} <= allowed[path]
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "elsewhere.example"}, 421),
        ({"origin": "http://elsewhere.example"}, 403),
        ({"content-type": "text/plain"}, 415),
    ],
)
def test_what_the_door_refuses_is_described(
    headers: dict[str, str], status: int, served: Served, document: Document
) -> None:
    """Whatever is refused before a route is looked for is a status of that route."""
    seen = {
        (method, path): (served.ask(method, path, headers=headers, content=b"x"), operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }

    assert status in {answer.status_code for answer, _ in seen.values()}
    assert [] == [
        (route, answer.status_code)
        for route, (answer, operation) in seen.items()
        if str(answer.status_code) not in operation["responses"]
    ]


@given(past=pasts())
def test_a_delivery_fits_its_schema_whatever_happened(described: Described, past: Past) -> None:
    """As it is served in detail, and so does its history."""
    plane, decisions = past
    state = decisions[-1].state
    events = [event for decision in decisions for event in decision.events]

    for delivery in folded(events).values():
        detail = {**detail_of(delivery, plane, state), "logs": []}
        assert [] == described.misfits("Detail", detail)
    for told in filter(None, map(history_of, events)):
        assert [] == described.misfits("Event", told)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"projectName": "sockshop"}, "'serial' is a required property"),
        ({"project": "sockshop", "serial": "7"}, "'7' is not of type 'integer'"),
        ({"project": "sockshop", "serial": 7, "more": 1}, "('more' was unexpected)"),
    ],
)
def test_a_body_that_does_not_fit_is_noticed(
    body: Document, problem: str, described: Described
) -> None:
    """What is missing, of another type, or not described."""
    assert any(problem in each for each in described.misfits("Changes", body))
    assert [] == described.misfits("Changes", {"project": "sockshop", "serial": 7})
