"""Object storage with the part of S3's API that storing a recording needs (docs: AmazonS3/latest/API).

Supports PutObject, GetObject with a range, and HeadObject. Signatures are not checked, and objects stay in memory.
"""

import hashlib
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final

from aiohttp import web

# The maximum size of a single PutObject of our client. Longer files are uploaded in parts.
_LONGEST: Final = 64 * 1024 * 1024
_NO_SUCH_KEY: Final = "<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>"


@dataclass(slots=True)
class ObjectStorage:
    """Stored objects.

    Attributes:
        objects: Objects by `bucket/path`.
        puts: Number of accepted uploads.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    puts: int = 0

    def app(self) -> web.Application:
        """Return the application to serve."""
        app = web.Application(client_max_size=_LONGEST)
        path = "/{key:.+}"
        app.add_routes([web.put(path, self._put), web.get(path, self._get)])
        return app

    async def _put(self, request: web.Request) -> web.Response:
        if request.query:  # parts of a long object
            return web.Response(status=501)
        self.objects[request.match_info["key"]] = body = await request.read()
        self.puts += 1
        return web.Response(headers={"ETag": _tag(body)})

    async def _get(self, request: web.Request) -> web.Response:
        """Serve GET and HEAD. For HEAD, aiohttp leaves out the body."""
        body = self.objects.get(request.match_info["key"])
        if body is None:
            return web.Response(status=404, text=_NO_SUCH_KEY, content_type="application/xml")
        wanted = request.http_range
        part = body[wanted]
        headers = {"ETag": _tag(body), "Last-Modified": formatdate(usegmt=True)}
        if len(part) == len(body):
            return web.Response(body=body, headers=headers)
        start = wanted.start or 0
        headers["Content-Range"] = f"bytes {start}-{start + len(part) - 1}/{len(body)}"
        return web.Response(status=206, body=part, headers=headers)


def _tag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
