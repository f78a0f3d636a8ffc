"""`/static/...`: the files of the pages, each of a known kind; a browser asks again for each whether it has changed."""

import os
from pathlib import Path, PurePath

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",  # declarations, to read; the system's own table takes them for a film
}
"""A table of our own: the system's differs from machine to machine, and a module of the wrong type is not run."""

HEADERS = {
    "Cache-Control": "no-cache",  # kept, and asked for again with its ETag: a new version is there at the next load
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",  # the scripts are made to be embedded in other sites
    "Content-Security-Policy": "default-src 'none'",  # opened by itself, none of them is a page that does anything
}


class KnownFiles(StaticFiles):
    """Serves the files of a folder whose suffix is in `MEDIA_TYPES`; everything else is 404."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Find a file of a known kind; a hidden one is none."""
        pure = PurePath(path)
        if pure.suffix not in MEDIA_TYPES or any(part.startswith(".") for part in pure.parts):
            return "", None
        return super().lookup_path(path)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Respond with the file, or with 304 if the browser has it."""
        media_type = MEDIA_TYPES[PurePath(full_path).suffix]
        response = FileResponse(full_path, status_code, HEADERS, media_type, stat_result=stat_result)
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response
