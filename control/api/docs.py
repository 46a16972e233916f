"""`/docs`: shows the OpenAPI document with Swagger UI, which is served from the installed package."""

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Vocalized API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START: Final = """SwaggerUIBundle({
  url: "/docs/document.json", dom_id: "#ui", deepLinking: true, docExpansion: "none", filter: true, validatorUrl: null
});
"""
# Swagger UI sets inline styles. Scripts are loaded from this host only, and requests go to it only.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FILES: Final = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
CACHE: Final = {"Cache-Control": "public, max-age=3600"}


class Docs:
    """make_openapi: makes the OpenAPI document."""

    def __init__(self, make_openapi: Callable[[], dict[str, Any]]) -> None:
        self._document = cache(lambda: msgspec.json.encode(downgrade_document(make_openapi())))
        self._folder = next(Path(str(files("swagger_ui_bundle"))).glob("vendor/swagger-ui-*"))

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Registers the routes."""
        router.add_get("/docs", self._page)
        router.add_get("/docs/", self._page)
        router.add_get("/docs/{file}", self._file)

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["file"]
        if name == "start.js":
            return web.Response(text=START, content_type="text/javascript", headers=CACHE)
        if name == "document.json":
            return web.Response(body=self._document(), content_type="application/json")
        if name not in FILES:
            raise web.HTTPNotFound
        return web.FileResponse(self._folder / name, headers=CACHE)


def downgrade_document(document: dict[str, Any]) -> dict[str, Any]:
    """The document as OpenAPI 3.0.3, because the packaged Swagger UI cannot read 3.1."""
    downgraded: dict[str, Any] = _downgrade(document)
    return downgraded | {"openapi": "3.0.3"}


def _downgrade(part: Any) -> Any:
    if isinstance(part, list):
        return [_downgrade(item) for item in part]
    if not isinstance(part, dict):
        return part
    older = {name: _downgrade(value) for name, value in part.items()}
    choices = older.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        rest = [choice for choice in choices if choice != {"type": "null"}]
        older |= {"nullable": True, "anyOf": rest}
        if len(rest) == 1:
            del older["anyOf"]
            older |= {"allOf": rest} if "$ref" in rest[0] else rest[0]
    if isinstance(older.get("examples"), list):
        older["example"] = older.pop("examples")[0]
    return older
