"""The page at /docs, on which the HTTP operations are read and tried: Swagger UI, all of it served from here.

FastAPI's own page loads its script, its style and its icon from elsewhere, which needs a network and lets others see
who reads it. The package fastapi-offline brings them; of it only the files are used.
"""

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

PATH = "/docs"
ASSETS = "/docs/assets"

POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
"""The page's script and settings stand in the page itself; nothing may come from, or go to, anywhere else."""


def serve_openapi_page(app: FastAPI) -> None:
    """Serve the page and its files; the document itself is /openapi.json."""
    app.mount(ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]))

    @app.get(PATH, include_in_schema=False)
    async def openapi_page() -> HTMLResponse:
        """Show the HTTP operations."""
        # Relative addresses, so that the page also works behind a proxy that serves it below a path of its own.
        assets = ASSETS.removeprefix("/")
        page = get_swagger_ui_html(
            openapi_url="openapi.json",
            title=f"{app.title}: HTTP operations",
            swagger_js_url=f"{assets}/swagger-ui-bundle.js",
            swagger_css_url=f"{assets}/swagger-ui.css",
            swagger_favicon_url=f"{assets}/favicon.png",
            swagger_ui_parameters={"validatorUrl": None},  # else a picture that swagger.io draws of the document
        )
        page.headers["Content-Security-Policy"] = POLICY
        return page
