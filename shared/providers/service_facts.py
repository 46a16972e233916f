"""What a vendor's service can do, as its adapter declares it: `docs/providers.md` is written from this.

Each declares families of models; `models` are beginnings of their names, and the first family that fits counts.
languages: codes of those that it takes, where our adapter knows them and refuses others; empty: the vendor decides, and
`other_languages` says how. limits: what the vendor allows an account or a connection, in words, where it says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecogniserFacts:
    """word_times: final texts have the vendor's times of words. turn_signals: it tells what it believes of a turn's
    end. tells_language: final texts say in which language they were spoken, where the vendor told. None: not confirmed.
    with_option: what word_times, turn_signals or tells_language need, in words."""

    name: str
    models: tuple[str, ...]
    word_times: bool
    turn_signals: bool | None
    tells_language: bool = False
    languages: tuple[str, ...] = ()
    other_languages: str = ""
    limits: str = ""
    with_option: str = ""


@dataclass(frozen=True, slots=True)
class VoiceFacts:
    """word_times: audio comes with the vendor's times of words. pronunciations: the vendor takes some of an account's
    own, in words; those of agents are always written into the text."""

    name: str
    models: tuple[str, ...]
    word_times: bool
    languages: tuple[str, ...] = ()
    other_languages: str = ""
    pronunciations: str = ""
    limits: str = ""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """tells_cached: the vendor counts the tokens of a prompt that it had cached."""

    name: str
    models: tuple[str, ...]
    tools: bool = True
    tells_cached: bool = True
    limits: str = ""


ServiceFacts = RecogniserFacts | VoiceFacts | ModelFacts


def find_facts(services: Sequence[ServiceFacts], model: str) -> ServiceFacts | None:
    """The family of a model; None for one that no family has."""
    return next((one for one in services if model.startswith(one.models)), None)
