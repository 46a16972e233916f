"""What a vendor's simulator declares of itself, so that programs run all simulated vendors without knowing any: the one
`ENTRY` of a vendor's `simulator.py`."""

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

# What a simulated model answers, from a request of chat completions.
ModelReply = Callable[[Mapping[str, Any]], ChatReply]
Timing = TypeVar("Timing")


@dataclass(frozen=True, slots=True)
class ServerSetting:
    """What a simulated vendor hears, answers and speaks with, and how fast it is. A vendor takes what it has a use for.

    make_ear: what each new session of a recognizer hears. reply: of a model. voice: what speaks. first_token_s,
    token_s: delays of a model. The others are the simulator's own where None: final_ms: from the audio to the text
    about it. first_audio_ms: from a text to its first audio. chunk_ms: audio of a message. segment_ms: a longer segment
    becomes final. most_at_once: texts that are spoken at once in an account. speed: of
    a voice, in times real time."""

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
    """A timing with the simulator's own value for each field that is None."""
    return kind(**{name: value for name, value in wanted.items() if value is not None})


class SimulatedServer(Protocol):
    """A simulated vendor with the account of one customer."""

    state: VendorState


@runtime_checkable
class RoutedServer(SimulatedServer, Protocol):
    """A server of HTTP and WebSockets."""

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """All addresses."""


@runtime_checkable
class ModelServer(SimulatedServer, Protocol):
    """A server of language models."""

    @property
    def chat_bodies(self) -> list[dict[str, Any]]:
        """The requests that it accepted, as requests of chat completions."""


@asynccontextmanager
async def run_routes(
    server: SimulatedServer, certificate: ServerCertificate | None, port: int, cancels: bool
) -> AsyncIterator[str]:
    """Run a server of HTTP and WebSockets; yield host and port. Raises OSError for a port that is taken."""
    assert isinstance(server, RoutedServer)
    async with running_vendor(server.routes(), certificate, cancels=cancels, port=port) as address:
        yield address


@dataclass(frozen=True, slots=True)
class SimulatedProvider:
    """A provider of rehearsals, as a plan names it. options: without address and key. account: whose account it uses,
    where the entry has several."""

    name: str
    role: Role
    options: Mapping[str, object]
    account: str = ""


@dataclass(frozen=True, slots=True)
class SimulatedAccount:
    """A server with an account of its own. make: from the account's state and the setting. path: what clients put
    behind the host."""

    make: Callable[[VendorState, ServerSetting], SimulatedServer]
    path: str = ""


@dataclass(frozen=True, slots=True)
class SimulatorEntry:
    """How programs run a simulated vendor.

    accounts: the first stands for the vendor. usual: the options of each role with which `vocalized up` puts the vendor
    into service, without address and key. providers: of rehearsals, each of which fails and takes over in its matrix.
    scheme: of addresses. host: that certificates and clients need. has_key_file: the key is a service account's file.
    run: serves a server; a free port for 0; yields host and port."""

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
        """The account that stands for the vendor."""
        return next(iter(self.accounts.values()))

    def make_state(self) -> VendorState:
        """A new account's, with a key that the vendor takes."""
        return VendorState(key=make_key_file("simulated")) if self.has_key_file else VendorState()


def one_account(make: Callable[[VendorState, ServerSetting], SimulatedServer]) -> Mapping[str, SimulatedAccount]:
    """The accounts of a vendor that has one kind of server."""
    return {"": SimulatedAccount(make)}


def add_documents(
    routes: Sequence[web.AbstractRouteDef], documents: Iterable[web.RouteDef]
) -> list[web.AbstractRouteDef]:
    """The documents behind the routes, without those that the vendor has itself."""
    known = {(route.method, route.path) for route in routes if isinstance(route, web.RouteDef)}
    return [*routes, *(document for document in documents if (document.method, document.path) not in known)]


@cache
def load_entries() -> Mapping[str, SimulatorEntry]:
    """The entries of all vendors that have a simulator, by the vendor's name."""
    folders = sorted(found.name for found in iter_modules(vendors.__path__) if found.ispkg)
    return {
        folder.replace("_", "-"): import_module(f"vendors.{folder}.simulator").ENTRY
        for folder in folders
        if find_spec(f"vendors.{folder}.simulator") is not None
    }
