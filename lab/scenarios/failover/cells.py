"""The matrix: each role and vendor as first choice, each fault that it can have; and two and three faults at once."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from lab.stage.vendor_accounts import list_providers
from simulator.vendors.faults import Fault, FaultKind, Role

# The four that meet a handshake. A recognizer's is at the start of the call, others' in each turn.
REFUSALS: Final[tuple[FaultKind, ...]] = ("refuse", "unauthorized", "no_credit", "rate_limited")
ROLES: Final[tuple[Role, ...]] = ("stt", "llm", "tts")
# Units before a fault in mid-stream: results of a recognizer, tokens of a model, pieces of 100 or 200 ms of a voice.
_UNITS: Final = {"stt": 1, "llm": 4, "tts": 5}


@dataclass(frozen=True, slots=True)
class ChainPair:
    """A call's providers: the first choice of each role, and in the matrix the next one."""

    stt: tuple[str, ...]
    llm: tuple[str, ...]
    tts: tuple[str, ...]

    def of(self, role: Role) -> tuple[str, ...]:
        """Those of a role."""
        return {"stt": self.stt, "llm": self.llm, "tts": self.tts}[role]

    @property
    def providers(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.stt, *self.llm, *self.tts)


# Chains that the matrix has beside those of _own_chains; the first of a role counts.
_CHOSEN: Final = {
    "nova": ChainPair(("nova", "ink"), ("openai", "groq"), ("sonic", "aura")),
    "ink": ChainPair(("ink", "nova"), ("groq", "openai"), ("aura", "sonic")),
    "flux": ChainPair(("flux", "ink-turns"), ("openrouter", "azure"), ("sonic", "aura")),
    "ink-turns": ChainPair(("ink-turns", "flux"), ("azure", "openrouter"), ("aura", "sonic")),
    "scribe": ChainPair(("scribe", "nova"), ("openai", "groq"), ("eleven-flash", "sonic")),
    "universal": ChainPair(("universal", "nova"), ("xai", "openai"), ("sonic", "aura")),
    "grok": ChainPair(("grok", "nova"), ("openai", "groq"), ("sonic", "aura")),
    "universal-3": ChainPair(("universal-3", "ink"), ("openai", "groq"), ("sonic", "aura")),
    "azure-speech": ChainPair(("azure-ear", "nova"), ("openai", "groq"), ("azure-voice", "sonic")),
    "soniox": ChainPair(("soniox", "nova"), ("groq", "openai"), ("soniox-voice", "sonic")),
    "chirp": ChainPair(("chirp", "nova"), ("openai", "groq"), ("kore", "sonic")),
    "claude": ChainPair(("nova", "ink"), ("anthropic", "google"), ("sonic", "aura")),
    "gemini": ChainPair(("ink", "nova"), ("google", "anthropic"), ("aura", "sonic")),
}


def _own_chains() -> Iterator[tuple[str, ChainPair]]:
    """A chain for each recognizer and voice that is the first choice of no chosen chain, named after it."""
    usual = _CHOSEN["nova"]
    for role in ("stt", "tts"):
        known = {pair.of(role)[0] for pair in _CHOSEN.values()}
        for name in list_providers(role):
            if name not in known:
                yield name, replace(usual, **{role: (name, usual.of(role)[0])})


CHAINS: Final = {**_CHOSEN, **dict(_own_chains())}


def _first_chains(role: Role) -> list[str]:
    """For each provider of a role the first chain whose first choice it is."""
    found = {pair.of(role)[0]: name for name, pair in reversed(CHAINS.items())}
    return [name for name in CHAINS if name in found.values()]


@dataclass(frozen=True, slots=True)
class RoleFault:
    """A fault of the first choice of a role. at_opening: from before the call until the second turn; else it strikes
    when the caller begins to speak in the disturbed turn, and lasts until the next one."""

    role: Role
    fault: Fault
    at_opening: bool = False

    @property
    def text(self) -> str:
        """For a table."""
        after = f" after {self.fault.after_units}" if self.fault.after_units else ""
        return f"{self.fault.kind.replace('_', ' ')}{after}{' at the start' if self.at_opening else ''}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One call of the matrix. chain: a name of CHAINS."""

    chain: str
    faults: tuple[RoleFault, ...]

    @property
    def is_at_opening(self) -> bool:
        """Whether the first turn is the disturbed one."""
        return any(fault.at_opening for fault in self.faults)


def single_faults() -> Iterator[Cell]:
    """Each role and each fault that makes sense for it."""
    for chain in _first_chains("stt"):
        yield from (Cell(chain, (RoleFault("stt", Fault(kind), at_opening=True),)) for kind in REFUSALS)
        yield from (Cell(chain, (RoleFault("stt", fault),)) for fault in recognizer_faults())
    for chain in ("nova", "ink"):
        yield from (Cell(chain, (RoleFault("llm", fault),)) for fault in model_faults())
    for chain in _first_chains("tts"):
        yield from (Cell(chain, (RoleFault("tts", fault),)) for fault in voice_faults())
    for chain in ("claude", "gemini"):
        yield from (Cell(chain, (RoleFault("llm", fault),)) for fault in model_faults())
    # The three other dialects, where they report errors in words of their own.
    for chain in ("flux", "ink-turns", "universal"):
        own: tuple[FaultKind, ...] = ("no_credit", "rate_limited", "error")
        yield from (Cell(chain, (RoleFault("llm", _in_stream("llm", kind)),)) for kind in own)


def recognizer_faults() -> tuple[Fault, ...]:
    """Of an open session."""
    kinds: tuple[FaultKind, ...] = ("cut", "garbage", "error")
    others: tuple[FaultKind, ...] = ("refuse", "stall", "slow", "half_open", "deaf", "reorder", "repeat")
    return (*map(Fault, others), _in_stream("stt", "stall"), *(_in_stream("stt", kind) for kind in kinds))


def model_faults() -> tuple[Fault, ...]:
    """Of a request."""
    kinds: tuple[FaultKind, ...] = ("stall", "cut", "garbage", "error")
    others: tuple[FaultKind, ...] = (*REFUSALS, "stall", "slow", "half_open", "garbage", "error")
    return (*map(Fault, others), *(_in_stream("llm", kind) for kind in kinds))


def voice_faults() -> tuple[Fault, ...]:
    """Of a connection that is kept between speeches."""
    kinds: tuple[FaultKind, ...] = ("stall", "cut", "garbage", "error", "half_open")
    others: tuple[FaultKind, ...] = (*REFUSALS, "stall", "slow", "half_open", "garbage", "error")
    in_stream = (_in_stream("tts", kind) for kind in kinds)
    # In the middle and at the end of a word: of Sonic, ElevenLabs and Soniox after 6 pieces, of Aura after 7.
    return (*map(Fault, others), *in_stream, Fault("cut", after_units=6), Fault("cut", after_units=7))


def combined_faults() -> tuple[Cell, ...]:
    """Two and three faults at once, in different roles: early and late ones, loud and silent ones, of both orders."""
    stall, slow = Fault("stall"), Fault("slow")
    recognizer = [RoleFault("stt", one) for one in (stall, _in_stream("stt", "cut"), slow)]
    model = [RoleFault("llm", one) for one in (stall, _in_stream("llm", "cut"), Fault("refuse"))]
    voice = [RoleFault("tts", one) for one in (stall, _in_stream("tts", "cut"), _in_stream("tts", "stall"))]
    pairs = [
        (recognizer[0], model[0]),
        (recognizer[1], voice[0]),
        (model[0], voice[0]),
        (model[1], voice[1]),
        (model[1], voice[2]),
        (recognizer[2], voice[1]),
    ]
    triples = [
        (recognizer[0], model[0], voice[0]),
        (recognizer[1], model[1], voice[1]),
        (recognizer[1], model[2], voice[2]),
    ]
    return tuple(Cell(chain, faults) for chain in ("nova", "ink") for faults in (*pairs, *triples))


def all_cells() -> tuple[Cell, ...]:
    """The whole matrix."""
    return (*single_faults(), *combined_faults())


def _in_stream(role: Role, kind: FaultKind) -> Fault:
    return Fault(kind, after_units=_UNITS[role])
