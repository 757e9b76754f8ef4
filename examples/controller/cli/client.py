"""Requests to the controller: every answer is a JSON object or a `Trouble`.

What may be sent twice without harm is sent again, a bounded number of times, when the connection
breaks after sending: reading, and what carries an id of its own (R8, R25).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias, final
from urllib.parse import quote

import attrs
import httpx

from examples.controller.cli.answers import Refused, Unanswered, Unreachable, trouble_of

Json: TypeAlias = dict[str, Any]
"""A JSON object as it came."""

PAUSES: Final = (0.2, 0.5, 1.0)
"""So many seconds lie between the attempts to get an answer."""

TIMEOUT: Final = 10.0
MOST_PAGES: Final = 10_000
LAST_PAGE: Final = ("", "0", 0, None)

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.LocalProtocolError,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@final
@attrs.frozen
class Answer:
    """An answer, and whether an earlier attempt of this very request may have taken effect."""

    body: Json
    may_be_second: bool


@final
class Client:
    """One endpoint with one token; a context manager that closes its connections."""

    def __init__(
        self,
        endpoint: str,
        token: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None],
        timeout: float = TIMEOUT,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.sleep = sleep
        headers = {"x-token": token} if token else {}
        self.http = httpx.Client(transport=transport, timeout=timeout, headers=headers)

    def __enter__(self) -> Client:
        """Return the client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.http.close()

    def url(self, *path: str) -> str:
        """Return the address of a resource; each part of the path is one name."""
        return "/".join((self.endpoint, *map(_quoted, path)))

    def get(self, *path: str, **query: str | int | None) -> Json:
        """Read one resource."""
        parameters = {key: value for key, value in query.items() if value not in {None, ""}}
        return self._insist("GET", self.url(*path), params=parameters).body

    def pages(self, *path: str, **query: str | int | None) -> Iterator[Json]:
        """Read a list page by page, as long as the controller names a next one."""
        for _ in range(MOST_PAGES):
            page = self.get(*path, **query)
            yield page
            key = page.get("nextPageKey")
            if key in LAST_PAGE or key == query.get("nextPageKey"):
                return
            query["nextPageKey"] = key

    def all(self, items: str, *path: str, **query: str | int | None) -> list[Json]:
        """Read a whole list."""
        pages = self.pages(*path, **{"pageSize": 100, **query})
        return [item for page in pages for item in page.get(items) or ()]

    def send(self, method: str, *path: str, body: Json | None = None) -> Json:
        """Send what must not be sent twice."""
        return self._once(method, self.url(*path), json=body)

    def insist(self, *path: str, body: Json) -> Answer:
        """Post what carries an id of its own, until there is an answer or hope is given up."""
        return self._insist("POST", self.url(*path), json=body)

    def _insist(self, method: str, url: str, **request: Any) -> Answer:
        """Send it again when the answer is lost; raise `Unanswered` after the last attempt."""
        may_be_second = False
        for pause in (*PAUSES, None):
            try:
                return Answer(self._once(method, url, **request), may_be_second)
            except Unreachable as error:
                may_be_second = may_be_second or isinstance(error, Unanswered)
                if not may_be_second:
                    raise
                if pause is None:
                    raise Unanswered(str(error)) from error
            self.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, method: str, url: str, **request: Any) -> Json:
        try:
            response = self.http.request(method, url, **request)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise unreachable(self.endpoint, error) from error
        return _body(self.endpoint, response)


def unreachable(endpoint: str, error: Exception) -> Unreachable:
    """Return what an error of the connection means: whether the request was sent matters."""
    if isinstance(error, httpx.InvalidURL):
        return Unreachable(f"The endpoint {endpoint} is no address: {error}.")
    if isinstance(error, _NEVER_SENT):
        return Unreachable(f"The controller at {endpoint} cannot be reached: {_why(error)}.")
    return Unanswered(f"The controller at {endpoint} gave no answer: {_why(error)}.")


def message_of(response: httpx.Response) -> str:
    """Return the sentence in the body of a refusal, or nothing."""
    try:
        body = response.json()
    except ValueError:
        return ""
    return str(body.get("message") or "") if isinstance(body, dict) else ""


def _body(endpoint: str, response: httpx.Response) -> Json:
    if not response.is_success:
        raise trouble_of(response.status_code, message_of(response))
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Unreachable(f"What answers at {endpoint} is no controller: it sent no JSON object.")
    return body


def _quoted(part: str) -> str:
    """Return one part of a path; a part of dots alone would be taken for another folder."""
    if not part:
        raise Refused("A name must not be empty.")
    is_dots = not part.strip(".")
    return part.replace(".", "%2E") if is_dots else quote(part, safe="")


def _why(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    return str(error).rstrip(".") or type(error).__name__
