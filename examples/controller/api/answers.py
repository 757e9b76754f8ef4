"""How errors are answered: a status, and one sentence that a person can read."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route

from examples.controller.api.reading import Refusal
from examples.controller.bursts import TooManyWaiting
from examples.controller.deciding import StillLive
from examples.controller.host import NoAnswer
from examples.controller.storage.projects import AlreadyThere
from examples.controller.storage.uniform import NoRoom, UnknownRegistration
from examples.stores.errors import StoreUnusable
from sequencectl import (
    CalendarError,
    CommandRejected,
    Contention,
    InvalidValue,
    RejectedCode,
    UnknownProject,
    UnknownSequence,
)

_UNKNOWN: Final = frozenset({RejectedCode.UNKNOWN_CONTEXT, RejectedCode.NOT_REACHED})
"""What is not found, where a path names it; anything else that is refused is a bad request."""

_STATUSES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (UnknownProject, 404),
    (UnknownSequence, 404),
    (UnknownRegistration, 404),
    (NoRoom, 400),
    (AlreadyThere, 409),
    (StillLive, 409),
    (Contention, 503),
    (TooManyWaiting, 503),
    (NoAnswer, 503),
    (StoreUnusable, 503),
    (CalendarError, 503),
    (InvalidValue, 400),
)


def error(status: int, message: str, *, reason: str = "") -> Response:
    """Return the answer to a request that could not be done."""
    more = {"reason": reason} if reason else {}
    retry = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return JSONResponse({"code": status, "message": message, **more}, status, headers=retry)


def refused(_: Request, why: Exception) -> Response:
    """Answer an error of ours or of the library's."""
    if isinstance(why, Refusal):
        return error(why.status, why.message)
    if isinstance(why, CommandRejected):
        status = 404 if why.code in _UNKNOWN else 400
        return error(status, why.message, reason=why.code.value)
    status = next(status for kind, status in _STATUSES if isinstance(why, kind))
    return error(status, str(why))


def not_served(request: Request, why: Exception) -> Response:
    """Answer what no route serves, or not by this method."""
    assert isinstance(why, HTTPException)
    answer = error(why.status_code, f"{why.detail.lower()}: see /openapi.json")
    if why.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = ", ".join(sorted(_methods(request)))
    return answer


async def gone(_: Request, _why: Exception) -> Response:
    """Answer a client that went before it had sent everything: nobody reads it."""
    return error(400, "the request ended too early")


async def failed(_: Request, _why: Exception) -> Response:
    """Answer a mistake of ours, which the server writes to its log: a client learns no more."""
    return error(500, "the controller has made a mistake: its log says which")


def _methods(request: Request) -> set[str]:
    """Return the methods by which any route serves a path."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    found = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in found for method in route.methods or ()}


HANDLERS: Final[dict[Any, Any]] = {
    **dict.fromkeys((Refusal, CommandRejected, *(kind for kind, _ in _STATUSES)), refused),
    HTTPException: not_served,
    ClientDisconnect: gone,
    Exception: failed,
}
"""What answers which error."""
