"""What both clients have beside the resources of the API."""

import os
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from types import TracebackType
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import httpx

from .operation import Credential, user_agent
from .retries import RetryPolicy
from .settings import TIMEOUT_S, ClientSettings
from .transport import AsyncTransport, Transport

API_KEY_VARIABLE = "VOCALIZED_API_KEY"
BASE_URL_VARIABLE = "VOCALIZED_BASE_URL"

Self = TypeVar("Self", bound="SyncClient")
AsyncSelf = TypeVar("AsyncSelf", bound="AsyncClient")
ApiKey = str | Callable[[], str]


class SyncClient:
    """The base of the client for threads, which may share it.

    api_key: an API key, or the token of a member's sign-in; or a function that returns one and is asked before each
    attempt. Default: VOCALIZED_API_KEY. base_url: the address of the API; default: VOCALIZED_BASE_URL. workspace_id: of
    all requests that name none. timeout_s: the longest wait in an attempt for each next part of the answer. retries:
    what is repeated, and when. http_client: with settings of your own, such as a proxy; closing it is yours.
    Raises ValueError, which names what is missing or wrong."""

    _version: ClassVar[str]

    def __init__(
        self,
        *,
        api_key: ApiKey | None = None,
        base_url: str | None = None,
        workspace_id: UUID | str | None = None,
        timeout_s: float = TIMEOUT_S,
        retries: RetryPolicy | None = None,
        http_client: httpx.Client | None = None,
    ) -> None:
        settings = make_settings(
            api_key=api_key,
            base_url=base_url,
            workspace_id=workspace_id,
            timeout_s=timeout_s,
            retries=retries,
            version=self._version,
        )
        self._owns_http = http_client is None
        self._use(Transport(settings, http_client or httpx.Client()))

    def _use(self, transport: Transport) -> None:
        self._transport = transport
        self._bind(transport)

    def _bind(self, transport: Transport) -> None:
        """Makes the resources."""
        raise NotImplementedError

    def with_options(
        self: Self,
        *,
        timeout_s: float | None = None,
        max_retries: int | None = None,
        workspace_id: UUID | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """A client with other settings over the same connections. headers: beside those of before. None: as before.
        Raises ValueError."""
        changed = copy(self)
        changed._owns_http = False
        settings = _change_settings(self._transport.settings, timeout_s, max_retries, workspace_id, headers)
        changed._use(self._transport.with_settings(settings))
        return changed

    def close(self) -> None:
        """Closes the connections."""
        if self._owns_http:
            self._transport.http.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return _describe(self, self._transport.settings)


class AsyncClient:
    """The base of the client for asyncio, which belongs to one event loop.

    api_key: an API key, or the token of a member's sign-in; or a function that returns one and is asked before each
    attempt. Default: VOCALIZED_API_KEY. base_url: the address of the API; default: VOCALIZED_BASE_URL. workspace_id: of
    all requests that name none. timeout_s: the longest wait in an attempt for each next part of the answer. retries:
    what is repeated, and when. http_client: with settings of your own, such as a proxy; closing it is yours.
    Raises ValueError, which names what is missing or wrong."""

    _version: ClassVar[str]

    def __init__(
        self,
        *,
        api_key: ApiKey | None = None,
        base_url: str | None = None,
        workspace_id: UUID | str | None = None,
        timeout_s: float = TIMEOUT_S,
        retries: RetryPolicy | None = None,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        settings = make_settings(
            api_key=api_key,
            base_url=base_url,
            workspace_id=workspace_id,
            timeout_s=timeout_s,
            retries=retries,
            version=self._version,
        )
        self._owns_http = http_client is None
        self._use(AsyncTransport(settings, http_client or httpx.AsyncClient()))

    def _use(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._bind(transport)

    def _bind(self, transport: AsyncTransport) -> None:
        """Makes the resources."""
        raise NotImplementedError

    def with_options(
        self: AsyncSelf,
        *,
        timeout_s: float | None = None,
        max_retries: int | None = None,
        workspace_id: UUID | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncSelf:
        """A client with other settings over the same connections. headers: beside those of before. None: as before.
        Raises ValueError."""
        changed = copy(self)
        changed._owns_http = False
        settings = _change_settings(self._transport.settings, timeout_s, max_retries, workspace_id, headers)
        changed._use(self._transport.with_settings(settings))
        return changed

    async def close(self) -> None:
        """Closes the connections."""
        if self._owns_http:
            await self._transport.http.aclose()

    async def __aenter__(self: AsyncSelf) -> AsyncSelf:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return _describe(self, self._transport.settings)


def make_settings(
    *,
    api_key: ApiKey | None,
    base_url: str | None,
    workspace_id: UUID | str | None,
    timeout_s: float,
    retries: RetryPolicy | None,
    version: str,
) -> ClientSettings:
    """What is not given is read from the environment. Raises ValueError, which names what is missing or wrong."""
    url = base_url or os.environ.get(BASE_URL_VARIABLE)
    if not url:
        raise ValueError(f"base_url is missing: give it, or set {BASE_URL_VARIABLE}")
    return ClientSettings(
        base_url=url,
        credential=Credential(os.environ.get(API_KEY_VARIABLE) if api_key is None else api_key),
        workspace_id=workspace_id,
        timeout_s=timeout_s,
        retries=retries or RetryPolicy(),
        user_agent=user_agent(version),
    )


def _change_settings(
    settings: ClientSettings,
    timeout_s: float | None,
    max_retries: int | None,
    workspace_id: UUID | str | None,
    headers: Mapping[str, str] | None,
) -> ClientSettings:
    changes: dict[str, Any] = {"timeout_s": timeout_s, "workspace_id": workspace_id}
    if headers is not None:
        changes["headers"] = {**settings.headers, **headers}
    if max_retries is not None:
        changes["retries"] = replace(settings.retries, max_retries=max_retries)
    return replace(settings, **{name: value for name, value in changes.items() if value is not None})


def _describe(client: object, settings: ClientSettings) -> str:
    """Without the secret."""
    return f"{type(client).__name__}(base_url={settings.base_url!r}, api_key={settings.credential!r})"
