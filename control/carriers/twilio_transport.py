"""Twilio's SDK: its clients, whose requests our HTTP client sends, and its errors as ours."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from twilio.base.exceptions import (  # type: ignore[import-untyped]
    TwilioException,
    TwilioRestException,
    TwilioServiceException,
)
from twilio.http import AsyncHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from control.carriers.model import CarrierError, CarrierUnavailable
from control.carriers.retries import error_from_connection
from control.carriers.twilio_forms import NAME, error_from_response

T = TypeVar("T")


class TwilioTransport(AsyncHttpClient):  # type: ignore[misc]
    """Sends the SDK's requests by our client. The SDK's own client has no timeout and logs phone numbers."""

    def __init__(self, http: httpx.AsyncClient, api_url: str) -> None:
        self.is_async = True
        self._http, self._api_url = http, api_url
        self._at_twilio = (urlsplit(api_url).hostname or "").endswith("twilio.com")

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Raises httpx.HTTPError."""
        answer = await self._http.request(
            method,
            self._address(uri),
            params=_plain(params),
            data=_plain(data),
            headers=headers,
            auth=auth,
            follow_redirects=allow_redirects,
        )
        return Response(answer.status_code, answer.text, answer.headers)

    def _address(self, uri: str) -> str:
        """A simulated Twilio serves on one host what Twilio serves on several."""
        parts = urlsplit(uri)
        if self._at_twilio and parts.hostname != "api.twilio.com":
            return uri
        return self._api_url + parts.path + (f"?{parts.query}" if parts.query else "")


def make_client(account_sid: str, sign_in: tuple[str, str], transport: TwilioTransport) -> Any:
    """Make the SDK's client of an account. sign_in: user and password."""
    # Not empty: for an empty mapping the SDK reads region and edge from the process's environment.
    return Client(*sign_in, account_sid=account_sid, http_client=transport, environment={"": ""})


def _plain(fields: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Converts booleans to true and false; the SDK does so for most fields only."""
    return None if not fields else {name: _to_text(value) for name, value in fields.items() if value is not None}


def _to_text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


async def send_once(send: Callable[[], Awaitable[T]]) -> T:
    """Sends one request. Raises CarrierRefused and CarrierUnavailable."""
    try:
        return await send()
    except (TwilioRestException, TwilioServiceException) as error:
        raise error_from_response(int(error.status), str(error.code)) from None
    except httpx.HTTPError as error:
        raise error_from_connection(NAME, error) from None
    except (TwilioException, ValueError, TypeError) as error:
        raise _map_page_error(error) from None


def _map_page_error(error: Exception) -> CarrierError:
    """For a list, the SDK raises an error that holds the response."""
    answer = next((one for one in error.args if isinstance(one, Response)), None)
    if answer is None or answer.status_code < 400:
        return CarrierUnavailable(NAME, "unreadable", "the answer cannot be read")
    try:
        code = json.loads(answer.text)["code"]
    except (ValueError, KeyError, TypeError):
        code = answer.status_code
    return error_from_response(answer.status_code, str(code))
