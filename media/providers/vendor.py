"""The interface of a vendor's adapter, with which configured providers are made."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar, runtime_checkable

from aiohttp import ClientSession, DummyCookieJar
from msgspec import Struct

from media.providers.cleanup import close_within
from media.providers.ports import LanguageModel, SpeechToText, TextToSpeech
from media.providers.tls import ResumingTlsContext
from media.providers.vendor_socket import SocketTarget
from media.providers.wait_history import UsualWait
from media.providers.warm_http import make_connector
from shared.egress import EgressGuard
from shared.providers.facts import KeytermOption
from shared.providers.options import EmptyOptions
from shared.providers.phonemes import NO_PHONEMES, Phonemes

T = TypeVar("T")
P = TypeVar("P", covariant=True)


# The maximum number of accounts, servers and models whose connections a process keeps.
MAX_ACCOUNTS: Final = 500


class ProviderUnusable(ValueError):
    """A provider cannot be made. The message begins with the plan's field."""


@dataclass(frozen=True, slots=True)
class _SharedAccount:
    """A shared object. `close` closes it."""

    shared: Any
    close: Callable[[], Awaitable[None]]


class VendorResources:
    """Resources that the providers of all calls of one event loop share. The caller closes the HTTP session.

    Attributes:
        engine_socket: The path at which the local speech engine listens. Empty if no engine runs.
        tls: The TLS settings of WebSockets.
        guard: Guards connections to addresses that customers gave.
    """

    def __init__(self, http: ClientSession, engine_socket: str = "", guard: EgressGuard | None = None) -> None:
        self.http = http
        self.engine_socket = engine_socket
        self.guard = guard or EgressGuard()
        self.tls = ResumingTlsContext()
        self._shared: dict[Hashable, Any] = {}
        self._accounts: dict[Hashable, _SharedAccount] = {}  # the most recently used account is last
        self._ending: set[asyncio.Task[None]] = set()
        self._closing = AsyncExitStack()

    def share(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the object for this key. `make` creates it on the first request. The number of keys must be small."""
        if key not in self._shared:
            self._shared[key] = make()
        found: T = self._shared[key]
        return found

    def share_account(self, key: Hashable, make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> T:
        """Return an object as `share` does, for a key, an address or a model that plans name.

        If there are more than MAX_ACCOUNTS, the least recently used object is closed. A call that still uses this
        object continues, so `close` may end only idle connections.
        """
        account = self._accounts.pop(key, None) or _make_account(make, close)
        self._accounts[key] = account
        if len(self._accounts) > MAX_ACCOUNTS:
            oldest = self._accounts.pop(next(iter(self._accounts)))
            task = asyncio.get_running_loop().create_task(close_within(oldest.close()))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        found: T = account.shared
        return found

    def guarded_http(self) -> ClientSession:
        """Return the session whose connections pass the guard. The first request creates it."""
        return self.share(EgressGuard, self._open_guarded)

    def on_close(self, close: Callable[[], Awaitable[None]]) -> None:
        """Call `close` when the process ends."""
        self._closing.push_async_callback(close)

    async def close(self) -> None:
        """Close everything that vendors opened."""
        accounts, self._accounts = self._accounts, {}
        ending = (account.close() for account in accounts.values())
        await asyncio.gather(*ending, *self._ending, return_exceptions=True)
        await self._closing.aclose()

    def _open_guarded(self) -> ClientSession:
        # All customers share this session, so cookies are disabled: a cookie that one customer's server sets for ".com"
        # would go to the servers of others. Answers are not decompressed, because a small answer could become
        # gigabytes.
        session = ClientSession(
            connector=make_connector(self.guard), cookie_jar=DummyCookieJar(), auto_decompress=False
        )
        self.on_close(session.close)
        return session


@dataclass(frozen=True, slots=True)
class ProviderSetup:
    """The values from which a provider is made.

    Attributes:
        name: The configured instance, as events, metrics and health show it.
        options: Options of the vendor's type for the kind.
        guarded: A customer gave the address.
        phonemes: Pronunciations for a voice that accepts IPA.
    """

    name: str
    options: Any
    resources: VendorResources
    guarded: bool = False
    phonemes: Phonemes = NO_PHONEMES

    @property
    def http(self) -> ClientSession:
        """The HTTP session for this provider's requests."""
        return self.resources.guarded_http() if self.guarded else self.resources.http

    @property
    def guard(self) -> EgressGuard | None:
        """The guard of this provider's sockets, if they need one."""
        return self.resources.guard if self.guarded else None

    def make_target(self, url: str, headers: Mapping[str, str]) -> SocketTarget:
        """Return the target for the provider's WebSockets. The provider's options must have `connect_s`."""
        return SocketTarget(
            provider=self.name,
            url=url,
            headers=headers,
            tls=self.resources.tls,
            timeout_s=self.options.connect_s,
            guard=self.guard,
        )


@runtime_checkable
class Preparable(Protocol):
    """A provider that can make its first request of a call faster."""

    def prepare(self) -> None:
        """Open in the background what the first request needs. Returns at once. A failure appears at the first
        request."""


def _no_model(options: Struct) -> str:
    return ""


def _no_usual_wait(options: Struct) -> UsualWait | None:
    return None


@dataclass(frozen=True, slots=True)
class Adapter(Generic[P]):
    """Creates a vendor's providers of one kind. Creating a provider opens nothing, but may raise ProviderUnusable.

    Attributes:
        model: Returns the model that the options choose, by the name under which it is priced (for a voice: its model,
            not the voice). Empty if the vendor has none.
        request_options: Names of options that describe the request, but not the server or the time limits. Calls that
            differ only in these options share the provider's health.
        is_guardable: `make` connects through the setup's guard. Only then may a customer give the address.
        usual_wait: The expected time to the first useful unit (for a recognizer: to the final text) before calls have
            measured it.
        reads_figures: The voice itself reads numbers, dates and addresses well, so it gets them as they are written.
        ends_with_blank: Each text for the voice ends with a blank, which is metered.
        keyterms: The recognizer's option for words to expect, if it has one.
    """

    make: Callable[[ProviderSetup], P]
    options: type[Struct] = EmptyOptions
    model: Callable[[Any], str] = _no_model
    request_options: frozenset[str] = frozenset()
    is_guardable: bool = False
    usual_wait: Callable[[Any], UsualWait | None] = _no_usual_wait
    reads_figures: bool = False
    ends_with_blank: bool = False
    keyterms: KeytermOption | None = None


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor, with an adapter for each kind of provider that it offers."""

    name: str
    stt: Adapter[SpeechToText] | None = None
    llm: Adapter[LanguageModel] | None = None
    tts: Adapter[TextToSpeech] | None = None


def _make_account(make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> _SharedAccount:
    made = make()
    return _SharedAccount(made, lambda: close(made))
