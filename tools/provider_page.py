"""Writes `docs/run/providers.md`: what each vendor's service can do, from the facts that vendors declare.

    python -m tools.provider_page

What is declared is in `vendors/*/facts.py`, prices in `vendors/*/providers.json`, services that are reached by
pipecat in `shared/pipecat_services.json`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from config.catalog_agents import Kind, Price, ShippedProvider, read_providers
from shared.pipecat_services import read_catalog
from shared.providers.facts import KeytermOption, ModelFacts, RecognizerFacts, VendorFacts, VoiceFacts
from vendors.registry import VENDORS

TARGET: Final = Path(__file__).resolve().parents[1] / "docs" / "run" / "providers.md"
_NAMES: Final[Mapping[Kind, str]] = {"stt": "recognition", "llm": "models", "tts": "voices"}
_HEAD: Final = """# Providers: what each can do

For operators and customers who choose a vendor. [provider-keys.md](provider-keys.md) sets providers up, and
`docs/develop/vendors/` describes the vendors' protocols. `python -m tools.provider_page` writes this page from
`services` in the `facts.py` of each folder in `vendors/` and from the prices in its `providers.json`.

The first three tables list native vendors: media speaks their protocol over connections that it keeps open, and
exchanges mu-law at 8 kHz without conversion (the engines of `local` convert). The vendors at the end are used through
pipecat's services, in separate processes, which convert.

*?* means that the vendor's documents do not confirm it. Languages are those that the adapter accepts; for others the
chain continues with the next provider."""
_RECOGNIZERS: Final = """
## Recognizers

*Times*: final texts have the times of words. *Turn signals*: the vendor reports how likely the caller has finished,
which is [one of several kinds of evidence](provider-options.md#turn-signals). *Tells language*: final texts say which
language was spoken, so that agents with [several languages](../use/agent-words.md#several-languages) follow their
callers.
"""
_VOICES: Final = """
## Voices

*Times*: audio comes with the times of words; otherwise they are estimated. *Figures*: the voice reads numbers and
addresses well, so they are sent as written. Every voice gets an agent's pronunciations as letters in the text; *own
lexicon* is what the vendor accepts in addition.
"""
_MODELS: Final = """
## Language models

All stream their replies. *Cached tokens*: tokens that the vendor read from its cache are counted and priced
separately. Vendor `openai` works with any server of chat completions: OpenAI, Azure, Groq, OpenRouter, xAI, your
own.
"""
_OPTIONS: Final = """
## Options

All options that the adapter accepts. Staff set any of them, agents those in bold.
[provider-options.md](provider-options.md) explains them.
"""
_PRICES: Final = """
## Prices

List prices in US dollars, pay as you go, with which the ledger begins; staff set those of their contracts. \\* is any
other model. *Of* is when the price was last read, *?* means that no source dates it. Where *read at* names no page of
the vendor's own, or says that others quote or copy it, the price is second-hand: compare it with the first bill.
GPT-4o and GPT-4.1, mini too, leave OpenAI's API on 14 January 2027; their prices stay for agents that name them.
`python -m tools.vendor_versions` compares API versions and model names with the vendors' SDKs.
"""
_PIPECAT: Final = """
## Reached by pipecat's services

pipecat {version}. They have no times of words, no turn signals and no keyterms at our ports; audio is converted from
and to mu-law. The staff set them up ([provider-keys.md](provider-keys.md#vendors-without-an-adapter)).
"""
_MODULE: Final = re.compile(r"pipecat\.services\.([a-z0-9_]+)")


@dataclass(frozen=True)
class Service:
    """A family of models of one vendor. declared: of the vendor. facts: of the family."""

    vendor: str
    declared: VendorFacts
    facts: Any


def make_page() -> str:
    """The whole document."""
    shipped = read_providers()
    parts = [
        _HEAD,
        _RECOGNIZERS,
        *_table(
            ("vendor", "models", "languages", "times", "turn signals", "tells language", "keyterms", "limits"),
            (_recognizer_row(service) for service in list_services("stt")),
        ),
        _VOICES,
        *_table(
            ("vendor", "models", "languages", "times", "figures", "own lexicon", "limits"),
            (_voice_row(service) for service in list_services("tts")),
        ),
        _MODELS,
        *_table(
            ("vendor", "API", "tools", "cached tokens", "limits"),
            (_model_row(service) for service in list_services("llm")),
        ),
        _OPTIONS,
        *_table(("vendor", "kind", "options"), _option_rows()),
        _PRICES,
        *_table(("provider", "kind", "prices", "of", "read at"), _price_rows(shipped)),
        _PIPECAT.format(version=read_catalog().version),
        *_table(("vendor", "recognizers", "models", "voices"), _pipecat_rows()),
    ]
    return "\n".join(parts) + "\n"


def list_services(kind: Kind) -> Iterator[Service]:
    """Of all vendors, in the order of their names."""
    for vendor, declared in sorted(VENDORS.items()):
        yield from (Service(vendor, declared, facts) for facts in declared.services.get(kind, ()))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _recognizer_row(one: Service) -> Sequence[str]:
    facts: RecognizerFacts = one.facts
    limits = [facts.limits, facts.with_option]
    return (
        one.vendor,
        _models(facts),
        _languages(facts),
        _answer(facts.word_times),
        _answer(facts.turn_signals),
        _answer(facts.detects_language),
        _keyterms(facts, one.declared.keyterms),
        "; ".join(filter(None, limits)),
    )


def _voice_row(one: Service) -> Sequence[str]:
    facts: VoiceFacts = one.facts
    reads = _answer(one.declared.reads_figures)
    return (
        *(one.vendor, _models(facts), _languages(facts), _answer(facts.word_times), reads),
        *(facts.pronunciations, facts.limits),
    )


def _model_row(one: Service) -> Sequence[str]:
    facts: ModelFacts = one.facts
    return one.vendor, facts.name, _answer(facts.tools), _answer(facts.tells_cached), facts.limits


def _models(facts: RecognizerFacts | VoiceFacts) -> str:
    names = ", ".join(f"`{model}…`" for model in facts.models if model)
    return f"{facts.name} ({names})" if names else facts.name


def _languages(facts: RecognizerFacts | VoiceFacts) -> str:
    if not facts.languages:
        return facts.other_languages
    listed = " ".join(sorted(facts.languages))
    counted = listed if len(facts.languages) < 8 else f"{len(facts.languages)}: {listed}"
    return f"{counted}; {facts.other_languages}" if facts.other_languages else counted


def _answer(fact: bool | None) -> str:
    return {True: "yes", False: "no", None: "?"}[fact]


def _keyterms(facts: RecognizerFacts, option: KeytermOption | None) -> str:
    """How many, of which length together; and of which models, where that are not all of the family."""
    if option is None:
        return "no"
    taking = [
        model
        for model in option.models
        if any(model.startswith(name) or name.startswith(model) for name in facts.models)
    ]
    if not taking:
        return "no"
    counted = f"{option.most}, {option.most_characters:,} characters"
    is_all = all(name.startswith(tuple(taking)) for name in facts.models)
    return counted if is_all else f"{counted} ({', '.join(f'`{one}…`' for one in taking)})"


def _overlap(first: str, second: str) -> bool:
    """Whether names can begin with both."""
    return first.startswith(second) or second.startswith(first)


def _option_rows() -> Iterator[Sequence[str]]:
    for vendor, declared in sorted(VENDORS.items()):
        for kind, schema in declared.schemas.items():
            names = [field.encode_name for field in msgspec.structs.fields(schema)]
            chosen = declared.options.get(kind, ())
            told = ", ".join(f"**`{name}`**" if name in chosen else f"`{name}`" for name in names)
            yield vendor, _NAMES[kind], told or "none"


def _price_rows(shipped: Sequence[ShippedProvider]) -> Iterator[Sequence[str]]:
    for provider in sorted(shipped, key=lambda one: one.provider):
        if provider.price_source:
            for kind, models in provider.cost_per_unit.items():
                prices = "; ".join(f"{_escape(model)} {_price(price)}" for model, price in models.items())
                yield provider.provider, _NAMES[kind], prices, provider.priced_in or "?", provider.price_source


def _escape(model: str) -> str:
    return "\\*" if model == "*" else f"`{model}`"


def _price(price: Price) -> str:
    if price.unit == "million_tokens":
        apart = {"cached": price.cached_input, "written to the cache": price.cache_write}
        told = ", ".join(f"{amount} {name}" for name, amount in apart.items() if amount is not None)
        return f"{price.input}{told and f' ({told})'} and {price.output} a million tokens"
    return f"{price.price} a {price.unit.replace('_', ' ')}"


def _pipecat_rows() -> Iterator[Sequence[str]]:
    """What no provider of the catalog reaches by an adapter of ours, by the module of the services."""
    native = {(provider.provider.partition("-")[0], kind) for provider in read_providers() for kind in provider.kinds}
    services: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, service in read_catalog().services.items():
        found = _MODULE.match(name)
        if found and (found[1], service.kind) not in native:
            services[found[1]][service.kind].append(name.rpartition(".")[2])
    for vendor in sorted(services):
        kinds = (services[vendor].get(kind, []) for kind in ("stt", "llm", "tts"))
        yield vendor, *(", ".join(f"`{one}`" for one in sorted(names)) for names in kinds)


if __name__ == "__main__":
    TARGET.write_text(make_page())
