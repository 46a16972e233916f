"""Serves `/docs/guide`: the documents as a static site, if `make docs` has built it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from aiohttp import web

from control.http.responses.redirect import Redirect, make_redirect

FOLDER: Final = Path(__file__).parents[2] / "var" / "guide"
# Keyed by file extension, because the types that Python guesses depend on the machine.
TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
NOT_BUILT: Final = "This installation has no guide. `make docs` builds it; the API's reference is at /docs.\n"
# The theme hides its symbols with inline styles. The search is a form and fetches the pages that it finds.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class Guide:
    """Serves the site's files that exist when the program starts."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {path.relative_to(folder).as_posix(): path for path in _find_files(folder)}

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes, which must precede `/docs/{file}`."""
        router.add_get("/docs/guide", self._redirect)
        router.add_get("/docs/guide/{page:.*}", self._serve)

    async def _redirect(self, request: web.Request) -> web.StreamResponse:
        # The links of a page are relative to its folder.
        return make_redirect(Redirect("guide/")) if self._files else _not_built()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if not self._files:
            return _not_built()
        path = self._files.get(request.match_info["page"] or "index.html")
        if path is None:
            raise web.HTTPNotFound
        headers = {
            "Content-Type": TYPES[path.suffix],
            "Content-Security-Policy": _POLICY,
            "Cache-Control": "no-cache",
        }
        return web.FileResponse(path, headers=headers)


def _find_files(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix in TYPES and path.is_file())


def _not_built() -> web.Response:
    return web.Response(status=404, text=NOT_BUILT)
