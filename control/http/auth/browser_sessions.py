"""Sessions of browsers, whose tokens are stored in cookies that scripts cannot read.

A page of the API's own origin requests cookies with the header `Vocalized-Session: cookie` in each request. Without the
header, cookies are ignored. Forms of other sites cannot send the header, and CORS forbids it to scripts of other sites
(OWASP, "Cross-Site Request Forgery Prevention Cheat Sheet", custom request headers).
"""

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from control.http.auth.access_tokens import Audience

HEADER: Final = "Vocalized-Session"
_VALUE: Final = "cookie"
# The server ends unused sessions earlier. Browsers limit the lifetime of cookies to 400 days.
_REFRESH_AGE_S: Final = 90 * 86_400


class BrowserSessions:
    """Reads and sets the session cookies. Cookies of requests that may come from another origin are ignored."""

    def __init__(self, public_url: str) -> None:
        """Create the reader.

        Args:
            public_url: The API's address. If it is https, cookies are bound to its host and to https.
        """
        address = urlsplit(public_url)
        self._is_secure = address.scheme == "https"
        self._host = address.netloc
        # RFC 6265bis, section 4.1.3.2: with Secure, Path=/ and without Domain, no other host of the domain can set the
        # cookie.
        self._prefix = "__Host-" if self._is_secure else ""

    def is_asked(self, request: web.Request) -> bool:
        """Return whether the request asks for cookies and comes from a page of our own origin."""
        if request.headers.get(HEADER) != _VALUE:
            return False
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return False
        origin = request.headers.get("Origin")
        return origin is None or urlsplit(origin).netloc in (self._host, request.host)

    def access_token(self, request: web.Request, audience: Audience) -> str:
        """Return the access token. Empty if there is none."""
        return request.cookies.get(self._name(audience), "") if self.is_asked(request) else ""

    def refresh_body(self, request: web.Request, audience: Audience) -> bytes:
        """Return the body of a refresh request. Empty if there is no cookie."""
        token = request.cookies.get(self._refresh_name(audience), "") if self.is_asked(request) else ""
        return msgspec.json.encode({"refresh_token": token}) if token else b""

    def keep_tokens(self, response: web.Response, audience: Audience) -> None:
        """Move the tokens of a session from the body of a response into cookies."""
        if not isinstance(response.body, bytes):
            return
        body: dict[str, Any] = msgspec.json.decode(response.body)
        self._set(response, self._name(audience), body["token"], body["expires_in"])
        self._set(response, self._refresh_name(audience), body["refresh_token"], _REFRESH_AGE_S)
        response.body = msgspec.json.encode(body | {"token": "", "refresh_token": ""})

    def drop_tokens(self, response: web.Response, audience: Audience) -> None:
        """Delete the cookies in the browser."""
        for name in (self._name(audience), self._refresh_name(audience)):
            self._set(response, name, "", 0)

    def _set(self, response: web.Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            name, value, max_age=seconds, path="/", secure=self._is_secure, httponly=True, samesite="Strict"
        )

    def _name(self, audience: Audience) -> str:
        return f"{self._prefix}vocalized_{audience}"

    def _refresh_name(self, audience: Audience) -> str:
        return f"{self._prefix}vocalized_{audience}_refresh"
