"""What a vendor's service can do, as its adapter declares it. `docs/run/providers.md` is generated from this.

Each service declares families of models. `models` are prefixes of model names, and the first family that matches
applies. `languages` are the codes that the service accepts, if our adapter knows them and rejects others. If it is
empty, the vendor decides, and `other_languages` describes how. `limits` describes the limits of an account or a
connection, if the vendor documents them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from shared.plan import LONGEST_KEYTERM
from shared.providers.options import ProviderKind


@dataclass(frozen=True, slots=True)
class RecognizerFacts:
    """What a family of recognizer models can do. None means that a capability is not confirmed.

    Attributes:
        word_times: Final texts have the vendor's times of words.
        turn_signals: The recognizer signals how likely the turn has ended.
        detects_language: Final texts name their language.
        with_option: The option that word_times, turn_signals or detects_language need, in words.
    """

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
    """What a family of voices can do.

    Attributes:
        word_times: Audio comes with the vendor's times of words.
        pronunciations: Which of an account's own pronunciations the vendor accepts, in words. Agents' pronunciations
            are always written into the text.
    """

    name: str
    models: tuple[str, ...]
    word_times: bool
    languages: tuple[str, ...] = ()
    other_languages: str = ""
    pronunciations: str = ""
    limits: str = ""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a family of language models can do. `tells_cached`: the vendor reports the cached tokens of a prompt."""

    name: str
    models: tuple[str, ...]
    tools: bool = True
    tells_cached: bool = True
    limits: str = ""


ServiceFacts = RecognizerFacts | VoiceFacts | ModelFacts


@dataclass(frozen=True, slots=True)
class KeytermOption:
    """The option of a recognizer that contains words to expect.

    Attributes:
        models: Prefixes of the models that have the option.
        most: The maximum number of words.
        most_characters: The maximum number of characters of all words together.
        longest: The maximum number of characters of one word.
    """

    name: str
    models: tuple[str, ...]
    most: int
    most_characters: int
    longest: int = LONGEST_KEYTERM

    def add(self, options: Mapping[str, Any], keyterms: Sequence[str]) -> Mapping[str, Any]:
        """Return the options with as many of the keyterms as fit after the options' own."""
        own = list(options.get(self.name) or ())
        known, left = {keyterm.casefold() for keyterm in own}, self.most_characters - sum(map(len, own))
        for term in keyterms:
            if len(own) < self.most and len(term) <= min(left, self.longest) and term.casefold() not in known:
                own.append(term)
                known.add(term.casefold())
                left -= len(term)
        return {**options, self.name: own} if own else options


@dataclass(frozen=True, slots=True)
class VendorFacts:
    """What is known of a vendor without a connection to it: the one `FACTS` of its folder.

    Attributes:
        options: For each kind of provider that the vendor offers, the options that an agent may set.
        schemas: The options of each kind. Control checks them when they are saved, and media when a provider is made.
        services: The capabilities of each kind, by families of models.
        takes_key: The vendor is configured with an address (`base_url`), a key (`api_key`) and a `model`.
        takes_address: A customer may give the address, because media's connections to it pass the egress guard.
        runs_services: The vendor runs services of pipecat, which only the staff set up.
        model_prefixes: The prefixes of the names of each kind's models, for a vendor of several kinds. Empty allows any
            name.
        keyterms: The recognizer's option for words to expect.
        hears: Returns a recognizer's options with which it detects all of these languages (BCP 47) and reports the
            spoken one, or None if it cannot.
        speaks: Returns whether a voice with these options speaks a language, as far as that is known without asking the
            vendor. None means any language.
        takes_ipa: Returns whether a voice with these options accepts pronunciations in IPA. Missing options have their
            defaults.
        reads_figures: The vendor's voice speaks numbers, dates and addresses well, so it gets them as they are written.
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
        """The kinds of provider that the vendor offers."""
        return tuple(self.options)

    def has_model(self, kind: ProviderKind, model: str) -> bool:
        """Return whether a model's name can be of this kind."""
        return not self.model_prefixes or model.startswith(self.model_prefixes.get(kind, ()))


def find_facts(services: Sequence[ServiceFacts], model: str) -> ServiceFacts | None:
    """Return the family of a model, or None if no family matches."""
    return next((service for service in services if model.startswith(service.models)), None)
