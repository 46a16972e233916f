"""The interface of a vendor's adapter, from which configured providers are made."""

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


# Accounts, servers and models whose connections a process keeps.
MAX_ACCOUNTS: Final = 500


class ProviderUnusable(ValueError):
    """A provider that cannot be made; the message begins with the plan's field."""


@dataclass(frozen=True, slots=True)
class _SharedAccount:
    """close: of the shared object."""

    shared: Any
    close: Callable[[], Awaitable[None]]


class VendorResources:
    """What the providers of all calls of one event loop share. The caller closes the HTTP session.

    engine_socket: path at which the local speech engine listens; "" where there is none. tls: of WebSockets. guard: of
    addresses that customers gave.
    """

    def __init__(self, http: ClientSession, engine_socket: str = "", guard: EgressGuard | None = None) -> None:
        self.http = http
        self.engine_socket = engine_socket
        self.guard = guard or EgressGuard()
        self.tls = ResumingTlsContext()
        self._shared: dict[Hashable, Any] = {}
        self._accounts: dict[Hashable, _SharedAccount] = {}  # the one used last at the end
        self._ending: set[asyncio.Task[None]] = set()
        self._closing = AsyncExitStack()

    def share(self, key: Hashable, make: Callable[[], T]) -> T:
        """The object of this key, made at the first request and kept. For what there are few of, whatever plans say."""
        if key not in self._shared:
            self._shared[key] = make()
        found: T = self._shared[key]
        return found

    def share_account(self, key: Hashable, make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> T:
        """As `share`, for what belongs to a key, an address or a model that plans name: of more than MAX_ACCOUNTS, the
        one that was used longest ago is closed. A call that still has it goes on: so `close` has to end only what is
        idle."""
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
        """A session whose connections pass the guard, made at the first request."""
        return self.share(EgressGuard, self._open_guarded)

    def on_close(self, close: Callable[[], Awaitable[None]]) -> None:
        """Calls this when the process ends."""
        self._closing.push_async_callback(close)

    async def close(self) -> None:
        """Closes what vendors opened."""
        accounts, self._accounts = self._accounts, {}
        ending = (account.close() for account in accounts.values())
        await asyncio.gather(*ending, *self._ending, return_exceptions=True)
        await self._closing.aclose()

    def _open_guarded(self) -> ClientSession:
        # All customers share it: a cookie that one's server sets for ".com" would go to the others' servers.
        # And nothing is unpacked, because a small answer could become gigabytes; none is asked for packed.
        session = ClientSession(
            connector=make_connector(self.guard), cookie_jar=DummyCookieJar(), auto_decompress=False
        )
        self.on_close(session.close)
        return session


@dataclass(frozen=True, slots=True)
class ProviderSetup:
    """What a provider is made from. name: of the configured instance, as events, metrics and health show it. options:
    of the vendor's type for the kind. guarded: a customer gave the address. phonemes: of a voice that takes IPA."""

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
        """Where its sockets connect. The options have `connect_s`."""
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
        """Opens in the background what the first request needs; returns at once. A failure shows at the request."""


def _no_model(options: Struct) -> str:
    return ""


def _no_usual_wait(options: Struct) -> UsualWait | None:
    return None


@dataclass(frozen=True, slots=True)
class Adapter(Generic[P]):
    """How a vendor makes a provider of one kind. Creating one opens nothing; it may raise ProviderUnusable.

    model: the model that the options choose, by the name under which it is priced (of a voice: its model, not the
    voice); empty where the vendor has none.
    request_options: names of options that say what is asked, not of whom nor how long to wait: calls that differ only
    in them share the provider's health.
    is_guardable: `make` connects through the setup's guard; only then may a customer give the address.
    usual_wait: what is known of the time to the first useful unit (of a recognizer: to the final text) before calls
    have measured it.
    reads_figures: of a voice: it says numbers, dates and addresses well itself, so that it is given them as written.
    ends_with_blank: of a voice: each text that it is given ends with a blank, which is metered.
    keyterms: of a recognizer: which words its options make it expect, if it can.
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
    """One vendor, with an adapter for each kind of provider that it can be."""

    name: str
    stt: Adapter[SpeechToText] | None = None
    llm: Adapter[LanguageModel] | None = None
    tts: Adapter[TextToSpeech] | None = None


def _make_account(make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> _SharedAccount:
    made = make()
    return _SharedAccount(made, lambda: close(made))
