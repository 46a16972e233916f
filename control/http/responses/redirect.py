"""A response that redirects the browser to another page."""

from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect (302) as a handler's result.

    Attributes:
        location: The address, which may contain a single-use code. Caches do not store the address, and requests of the
            next page do not send it as referrer.
    """

    location: str = field(repr=False)


def make_redirect(redirect: Redirect) -> web.Response:
    """Return the redirect response."""
    headers = {"Location": redirect.location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return web.Response(status=302, headers=headers)
