"""The declaration of a simulated vendor, with which programs run all simulated vendors: `ENTRY` in each
`simulator.py`.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any, Protocol, TypeVar, runtime_checkable

from aiohttp import web

import vendors
from simulator.vendors.certificate import ServerCertificate
from simulator.vendors.chat_reply import ChatReply, greet
from simulator.vendors.faults import Role
from simulator.vendors.google_account import make_key_file
from simulator.vendors.script import DeafEar, Hearing
from simulator.vendors.server import VendorState, running_vendor
from simulator.vendors.voice import SimulatedVoice, speak_clips

# Makes the reply of a simulated model from a chat completions request.
ModelReply = Callable[[Mapping[str, Any]], ChatReply]
Timing = TypeVar("Timing")


@dataclass(frozen=True, slots=True)
class ServerSetting:
    """What a simulated vendor hears and answers, its voice and its speed. Each vendor uses the settings that apply to
    it.

    None selects the simulator's own value.

    Attributes:
        make_ear: Makes the recognizer that listens to a new session.
        reply: Makes the replies of a model.
        voice: Produces the audio of a voice.
        first_token_s: Delay of a model's first token.
        token_s: Delay of a model's further tokens.
        final_ms: Time from the audio to its text.
        first_audio_ms: Time from a text to its first audio.
        chunk_ms: Length of the audio in a message.
        segment_ms: Length after which a segment becomes final.
        most_at_once: Maximum number of texts spoken at the same time in an account.
        speed: Speed of a voice relative to real time.
    """

    make_ear: Callable[[], Hearing] = DeafEar
    reply: ModelReply = greet
    voice: SimulatedVoice = speak_clips
    first_token_s: float = 0.0
    token_s: float = 0.0
    final_ms: float | None = None
    first_audio_ms: float | None = None
    chunk_ms: int | None = None
    segment_ms: float | None = None
    most_at_once: int | None = None
    speed: float | None = None


def make_timing(kind: type[Timing], **wanted: Any) -> Timing:
    """Return a timing with the simulator's own value for each field that is None."""
    return kind(**{name: value for name, value in wanted.items() if value is not None})


class SimulatedServer(Protocol):
    """A simulated vendor with the account of one customer."""

    state: VendorState


@runtime_checkable
class RoutedServer(SimulatedServer, Protocol):
    """A server of HTTP and WebSockets."""

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """Return all routes."""


@runtime_checkable
class ModelServer(SimulatedServer, Protocol):
    """A server of language models."""

    @property
    def chat_bodies(self) -> list[dict[str, Any]]:
        """Accepted requests, translated into chat completions."""


@asynccontextmanager
async def run_routes(
    server: SimulatedServer, certificate: ServerCertificate | None, port: int, cancels: bool
) -> AsyncIterator[str]:
    """Run a server of HTTP and WebSockets, and yield host and port. Raises OSError if the port is taken."""
    assert isinstance(server, RoutedServer)
    async with running_vendor(server.routes(), certificate, cancels=cancels, port=port) as address:
        yield address


@dataclass(frozen=True, slots=True)
class SimulatedProvider:
    """A provider for rehearsals, as a plan names it.

    Attributes:
        options: The options without URL and key.
        account: The account that the provider uses, if the entry has several.
    """

    name: str
    role: Role
    options: Mapping[str, object]
    account: str = ""


@dataclass(frozen=True, slots=True)
class SimulatedAccount:
    """A server with its own account.

    Attributes:
        make: Makes the server from the account's state and the setting.
        path: The path that clients append to the host.
    """

    make: Callable[[VendorState, ServerSetting], SimulatedServer]
    path: str = ""


@dataclass(frozen=True, slots=True)
class SimulatorEntry:
    """How programs run a simulated vendor.

    Attributes:
        accounts: The first account represents the vendor.
        usual: For each role: the options with which `vocalized up` starts the vendor, without URL and key.
        providers: Providers for rehearsals. In the rehearsal's matrix, each fails and takes over.
        scheme: The URLs' scheme.
        host: The host that certificates and clients need.
        has_key_file: Whether the key is a service account's file.
        run: Serves a server and yields host and port. Port 0 selects a free port.
    """

    accounts: Mapping[str, SimulatedAccount]
    usual: Mapping[Role, Mapping[str, str]]
    providers: tuple[SimulatedProvider, ...]
    scheme: str = "wss"
    host: str = "127.0.0.1"
    has_key_file: bool = False
    run: Callable[[SimulatedServer, ServerCertificate | None, int, bool], AbstractAsyncContextManager[str]] = run_routes
    roles: tuple[Role, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", tuple(self.usual))

    @property
    def account(self) -> SimulatedAccount:
        """The account that represents the vendor."""
        return next(iter(self.accounts.values()))

    def make_state(self) -> VendorState:
        """Return the state of a new account, with a valid key."""
        return VendorState(key=make_key_file("simulated")) if self.has_key_file else VendorState()


def one_account(make: Callable[[VendorState, ServerSetting], SimulatedServer]) -> Mapping[str, SimulatedAccount]:
    """Return the accounts of a vendor with a single kind of server."""
    return {"": SimulatedAccount(make)}


def add_documents(
    routes: Sequence[web.AbstractRouteDef], documents: Iterable[web.RouteDef]
) -> list[web.AbstractRouteDef]:
    """Return the routes with the documents behind them, except documents that the vendor itself serves."""
    known = {(route.method, route.path) for route in routes if isinstance(route, web.RouteDef)}
    return [*routes, *(document for document in documents if (document.method, document.path) not in known)]


@cache
def load_entries() -> Mapping[str, SimulatorEntry]:
    """Return the entries of all vendors with a simulator, by the vendor's name."""
    folders = sorted(found.name for found in iter_modules(vendors.__path__) if found.ispkg)
    return {
        folder.replace("_", "-"): import_module(f"vendors.{folder}.simulator").ENTRY
        for folder in folders
        if find_spec(f"vendors.{folder}.simulator") is not None
    }
