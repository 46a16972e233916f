"""Serves `/docs`, which shows the OpenAPI document with Swagger UI from the installed package."""

from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from aiohttp import web

from control.api.docs_page import PAGE, POLICY, START, STYLE

# The package is a Flask extension. Only its files are used, and Flask is not installed.
_PACKAGE: Final = "flask-swagger-ui"
_FOLDER: Final = "flask_swagger_ui/dist"
# Keyed by file name, because the types that Python guesses depend on its version and on the machine.
FILES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
OWN_FILES: Final = {"start.js": ("text/javascript", START), "page.css": ("text/css", STYLE)}
CACHE: Final = {"Cache-Control": "public, max-age=3600"}


class Docs:
    """Serves the Swagger UI page and its files."""

    def __init__(self) -> None:
        self._folder = Path(str(distribution(_PACKAGE).locate_file(_FOLDER)))

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes of the page and its files."""
        router.add_get("/docs", self._page)
        router.add_get("/docs/", self._page)
        router.add_get("/docs/{file}", self._file)

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["file"]
        if name in OWN_FILES:
            content_type, text = OWN_FILES[name]
            return web.Response(text=text, content_type=content_type, charset="utf-8", headers=CACHE)
        if name not in FILES:
            raise web.HTTPNotFound
        return web.FileResponse(self._folder / name, headers={**CACHE, "Content-Type": FILES[name]})
