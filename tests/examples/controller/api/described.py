"""Whether a body is as the OpenAPI document describes it, and has nothing beyond that."""

from __future__ import annotations

from functools import cache
from typing import Any, final

from openapi_schema_validator import OAS31Validator, oas31_format_checker

Document = dict[str, Any]


@final
class Described:
    """What a document says of bodies; a field that it does not describe is wrong there."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._components = closed(document["components"])
        self._validator = cache(self._made)

    def misfits(self, schema: str, body: Any) -> list[str]:
        """What of a body does not fit a schema of this name."""
        found = self._validator(schema).iter_errors(body)
        return [f"{error.json_path}: {error.message}"[:500] for error in found]

    def of_answer(self, path: str, method: str, status: int) -> str:
        """The name of the schema of an answer; KeyError if the document has no such answer."""
        answer = self.document["paths"][path][method.lower()]["responses"][str(status)]
        if "$ref" in answer:
            answer = self.document["components"]["responses"][name_in(answer)]
        return name_in(answer["content"]["application/json"]["schema"])

    def _made(self, schema: str) -> OAS31Validator:
        whole = {"$ref": f"#/components/schemas/{schema}", "components": self._components}
        return OAS31Validator(whole, format_checker=oas31_format_checker)


def closed(part: Any) -> Any:
    """A part of a document in which no object has more fields, unless the document says so."""
    if isinstance(part, list):
        return [closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    shut = {"additionalProperties": False} if isinstance(part.get("properties"), dict) else {}
    return {**shut, **{key: closed(value) for key, value in part.items()}}


def name_in(reference: Document) -> str:
    """The name of what a reference leads to."""
    name: str = reference["$ref"].rpartition("/")[2]
    return name
