"""The pages that a browser talks on, and the files that they are made of: scripts, worklets, styles, texts."""

from api.doors.pages.door import router
from api.doors.pages.headers import page_headers
from api.doors.pages.links import OneUseCodes
from api.doors.pages.static_files import STATIC, KnownFiles

__all__ = ["STATIC", "KnownFiles", "OneUseCodes", "page_headers", "router"]
