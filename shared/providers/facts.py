"""What a vendor's service can do, as its adapter declares it: `docs/run/providers.md` is written from this.

Each declares families of models; `models` are beginnings of their names, and the first family that fits counts.
languages: codes of those that it takes, where our adapter knows them and refuses others; empty: the vendor decides, and
`other_languages` says how. limits: what the vendor allows an account or a connection, in words, where it says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from shared.plan import LONGEST_KEYTERM
from shared.providers.options import ProviderKind


@dataclass(frozen=True, slots=True)
class RecognizerFacts:
    """word_times: final texts have the vendor's times of words. turn_signals: it tells what it believes of a turn's
    end. detects_language: final texts name their language. None: not confirmed.
    with_option: what word_times, turn_signals or detects_language need, in words."""

    name: str
    models: tuple[str, ...]
    word_times: bool
    turn_signals: bool | None
    detects_language: bool = False
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


ServiceFacts = RecognizerFacts | VoiceFacts | ModelFacts


@dataclass(frozen=True, slots=True)
class KeytermOption:
    """The option of a recognizer that holds words to expect. models: prefixes of those that take them. most: of the
    words. most_characters: of all together; longest: of one."""

    name: str
    models: tuple[str, ...]
    most: int
    most_characters: int
    longest: int = LONGEST_KEYTERM

    def add(self, options: Mapping[str, Any], keyterms: Sequence[str]) -> Mapping[str, Any]:
        """The options with as many of the keyterms behind their own as fit."""
        own = list(options.get(self.name) or ())
        known, left = {one.casefold() for one in own}, self.most_characters - sum(map(len, own))
        for term in keyterms:
            if len(own) < self.most and len(term) <= min(left, self.longest) and term.casefold() not in known:
                own.append(term)
                known.add(term.casefold())
                left -= len(term)
        return {**options, self.name: own} if own else options


@dataclass(frozen=True, slots=True)
class VendorFacts:
    """What is known of a vendor without connecting to it: the one `FACTS` of its folder.

    options: by each kind of provider that the vendor can be, those that an agent may set. schemas: the options of each
    kind, checked by control when they are saved and by media when a provider is made. services: what the vendor can do,
    by families of models of each kind.
    takes_key: it is reached at an address (`base_url`) with a key (`api_key`) and a `model`. takes_address: a customer
    may give the address, because media's connections to it pass the egress guard. runs_services: it runs services of
    pipecat, which only the staff set up. model_prefixes: how the names of each kind's models begin, for a vendor of
    several kinds; any name where there are none.
    keyterms: which words the options of its recognizer make it expect. hears: a recognizer's options with which it
    detects all of these languages (BCP 47) and reports which was spoken; None where it cannot. speaks: whether a voice
    with these options of a plan speaks a language, as far as is known without asking the vendor; any where None.
    takes_ipa: whether a voice with these options takes pronunciations in IPA; what is not in options has the default.
    reads_figures: its voice says numbers, dates and addresses well, so that it is given them as written.
    """

    options: Mapping[ProviderKind, tuple[str, ...]]
    schemas: Mapping[ProviderKind, type[Struct]]
    services: Mapping[ProviderKind, tuple[ServiceFacts, ...]] = field(default_factory=dict)
    takes_key: bool = False
    takes_address: bool = False
    runs_services: bool = False
    model_prefixes: Mapping[ProviderKind, tuple[str, ...]] = field(default_factory=dict)
    keyterms: KeytermOption | None = None
    hears: Callable[[Any, Sequence[str]], Struct | None] | None = None
    speaks: Callable[[Mapping[str, Any], str], bool] | None = None
    takes_ipa: Callable[[Mapping[str, Any]], bool] | None = None
    reads_figures: bool = False

    @property
    def kinds(self) -> tuple[ProviderKind, ...]:
        """What the vendor can be."""
        return tuple(self.options)

    def has_model(self, kind: ProviderKind, model: str) -> bool:
        """Whether a model's name can be one of this kind."""
        return not self.model_prefixes or model.startswith(self.model_prefixes.get(kind, ()))


def find_facts(services: Sequence[ServiceFacts], model: str) -> ServiceFacts | None:
    """The family of a model; None for one that no family has."""
    return next((service for service in services if model.startswith(service.models)), None)
