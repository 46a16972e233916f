"""A response that sends the browser to another page."""

from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Redirect:
    """What a handler returns for a redirect (302).

    Attributes:
        location: The address, which may hold a code of single use: it is not stored by caches, and the next page's
            requests do not name it.
    """

    location: str = field(repr=False)


def make_redirect(redirect: Redirect) -> web.Response:
    """Return the response."""
    headers = {"Location": redirect.location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return web.Response(status=302, headers=headers)
