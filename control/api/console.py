"""Serves the console at `/console`, with the files of the folder `console/`.

The address of each file contains the digest of all files, so browsers cache files forever. Browsers reload only the
page, which contains the current digest.
"""

import gzip
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from aiohttp import web

from control.http.responses.redirect import Redirect, make_redirect

FOLDER: Final = Path(__file__).parents[2] / "console"
PAGE: Final = "index.html"
# Keyed by file extension, because the types that Python guesses depend on the machine.
TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
IMMUTABLE: Final = "public, max-age=31536000, immutable"
_THIS_MACHINE: Final = ("ws://127.0.0.1:*", "ws://localhost:*")
_DIGEST: Final = "DIGEST"
# Pages of the previous release, which old e-mails still link to. Remove them in the next release.
_LETTER_PAGES: Final = ("verify-email", "reset-password", "invitation")
_MAP_BEGIN, _MAP_END = '<script type="importmap">', "</script>"
# aiohttp's own compression would compress at each request.
_SHORTEST_TO_COMPRESS: Final = 512


@dataclass(frozen=True, slots=True)
class ConsoleFile:
    """A console file with its headers.

    Attributes:
        etag: Digest of the content.
    """

    content_type: str
    body: bytes
    compressed: bytes
    etag: str


class Console:
    """Serves the console page for each view's address, and the files that the page loads."""

    def __init__(self, public_url: str, media_urls: Sequence[str] = (), folder: Path = FOLDER) -> None:
        """Read and compress the console's files. A deployment without the folder has no console.

        Args:
            media_urls: Media nodes that the page may connect to; empty for the nodes of this machine.
        """
        self._files = {path.relative_to(folder).as_posix(): _read(path) for path in _find_files(folder)}
        page = folder / PAGE
        self._page: ConsoleFile | None = None
        if page.is_file():
            prefix = urlsplit(public_url).path.rstrip("/")
            digest = _digest(self._files)
            text = page.read_text().replace(_DIGEST, digest).replace('="/console/', f'="{prefix}/console/')
            text = text.replace('": "./', f'": "{prefix}/console/v/{digest}/')
            self._page = _make_file("text/html; charset=utf-8", text.encode())
            self._headers = {
                "Content-Security-Policy": make_policy(text, media_urls),
                "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cache-Control": "no-cache",
            }
            self._digest = digest

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes of the page and its files."""
        if self._page is None:
            return
        router.add_get("/console", self._serve_page)
        router.add_get("/console/v/{digest}/{name:.+}", self._serve_file)
        router.add_get("/console/{view:.*}", self._serve_page)

    def add_returns(self, router: web.UrlDispatcher) -> None:
        """Register the addresses that other sites and e-mails link to, for installations without a portal."""
        if self._page is None:
            return
        router.add_get("/sso/callback/{workspaceId}", self._return_from_sso)
        for page in _LETTER_PAGES:
            router.add_get(f"/{page}", self._lead_from_letter)

    async def _return_from_sso(self, request: web.Request) -> web.Response:
        return make_redirect(Redirect(f"../../console{request.path_qs}"))

    async def _lead_from_letter(self, request: web.Request) -> web.Response:
        token = quote(request.query.get("token", ""), safe="")
        return make_redirect(Redirect(f"console{request.path}#token={token}"))

    async def _serve_page(self, request: web.Request) -> web.Response:
        assert self._page is not None
        return _respond(request, self._page, self._headers)

    async def _serve_file(self, request: web.Request) -> web.Response:
        file = self._files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        # A page of the previous release may request its files. It gets the current files, which browsers must not
        # cache.
        is_present = request.match_info["digest"] == self._digest
        return _respond(request, file, {"Cache-Control": IMMUTABLE if is_present else "no-store"})


def make_policy(page: str, media_urls: Sequence[str]) -> str:
    """Return the page's Content-Security-Policy.

    The import map, which must be inline in the page, is allowed by its hash.
    """
    begin = page.index(_MAP_BEGIN) + len(_MAP_BEGIN)
    import_map = page[begin : page.index(_MAP_END, begin)]
    allowed = b64encode(sha256(import_map.encode()).digest()).decode()
    nodes = dict.fromkeys(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in media_urls)
    return (
        f"default-src 'self'; script-src 'self' 'sha256-{allowed}'; style-src 'self'; img-src 'self' data:; "
        f"media-src 'self' blob:; connect-src 'self' {' '.join(nodes or _THIS_MACHINE)}; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    )


def _find_files(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix in TYPES and path.is_file())


def _read(path: Path) -> ConsoleFile:
    return _make_file(f"{TYPES[path.suffix]}; charset=utf-8", path.read_bytes())


# Compressing all files takes 20 ms of CPU. The cache spares this time to test processes that create many APIs.
@lru_cache(maxsize=256)
def _make_file(content_type: str, body: bytes) -> ConsoleFile:
    compressed = gzip.compress(body, mtime=0) if len(body) >= _SHORTEST_TO_COMPRESS else b""
    return ConsoleFile(content_type, body, compressed, sha256(body).hexdigest()[:32])


def _digest(files: dict[str, ConsoleFile]) -> str:
    return sha256("".join(f"{name} {file.etag}\n" for name, file in files.items()).encode()).hexdigest()[:16]


def _respond(request: web.Request, file: ConsoleFile, headers: dict[str, str]) -> web.Response:
    own = headers | {"ETag": f'"{file.etag}"', "Vary": "Accept-Encoding"}
    if any(tag.value in (file.etag, "*") for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=own)
    own["Content-Type"] = file.content_type
    if file.compressed and "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=file.compressed, headers=own | {"Content-Encoding": "gzip"})
    return web.Response(body=file.body, headers=own)
