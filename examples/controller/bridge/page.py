"""The files of the Bridge, as they are served: small, unchanged, to everybody, and locked down.

Shows: a page that can do nothing but talk to the controller it came from. The policy permits its
own script, style sheet and requests and nothing else, so that even a text that got into the page as
markup could neither run nor tell anybody. Leaves out: compression, which is a proxy's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Final, final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

FOLDER: Final = Path(__file__).parent
FILES: Final[Mapping[str, tuple[str, str]]] = {
    "/bridge/": ("index.html", "text/html"),
    "/bridge/bridge.js": ("bridge.js", "text/javascript"),
    "/bridge/bridge.css": ("bridge.css", "text/css"),
    "/bridge/bridge.svg": ("bridge.svg", "image/svg+xml"),
}
REDIRECTS: Final[Mapping[str, str]] = {"/": "bridge/", "/bridge": "bridge/"}
"""Relative, so that they also lead there below a prefix."""

PATHS: Final = frozenset({*FILES, *REDIRECTS})

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@final
class Page:
    """Serves the files; they are read when it is made."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._contents = {path: (folder / name).read_bytes() for path, (name, _) in FILES.items()}

    def routes(self) -> list[Route]:
        """Return the routes of the page, which are no part of the API."""
        files = [Route(path, self._file, methods=["GET"]) for path in FILES]
        return files + [Route(path, self._redirect, methods=["GET"]) for path in REDIRECTS]

    async def _file(self, request: Request) -> Response:
        path = request.scope["path"]
        content, (_, kind) = self._contents[path], FILES[path]
        headers = {**HEADERS, "ETag": f'"{sha256(content).hexdigest()[:32]}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(content, media_type=kind, headers=headers)

    async def _redirect(self, request: Request) -> Response:
        return RedirectResponse(REDIRECTS[request.scope["path"]], headers=HEADERS)
