"""Builds a call's providers from its plan: each list becomes a fallback chain."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
from aiohttp import ClientSession
from msgspec import Struct

from media.providers.chain.candidates import OnProviderFailed
from media.providers.chain.chain_health import ChainHealth
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.llm import LanguageModelChain
from media.providers.chain.stt import SpeechToTextChain
from media.providers.chain.tts import TextToSpeechChain
from media.providers.chain.voice_levels import VoiceLevels
from media.providers.health import HealthBoard, HealthKey
from media.providers.health_keys import HealthKeys
from media.providers.language_voices import LanguageVoices, VoiceChain
from media.providers.normalization.normalizer import TextNormalizer
from media.providers.ports import LanguageModel, ProviderKind, SpeechToText, TextToSpeech
from media.providers.usage import OnUsage, UsageMeter
from media.providers.vendor import Adapter, Preparable, ProviderSetup, ProviderUnusable, Vendor, VendorResources
from media.providers.wait_history import UsualWait
from shared.egress import EgressGuard
from shared.events import ProviderFailed
from shared.plan import CallPlan, PlanError, Pronunciation, ProviderPlan
from shared.providers.phonemes import NO_PHONEMES, Phonemes
from vendors.registry import explain_fault, hear_languages, takes_ipa

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Providers:
    """The providers of a call. Each is a fallback chain.

    Attributes:
        members: The providers in the chains that the call begins with.
    """

    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    members: tuple[object, ...] = ()

    def prepare(self) -> None:
        """Open in the background what all members need for their first requests, because a backup must be ready at
        once."""
        for member in self.members:
            if isinstance(member, Preparable):
                member.prepare()

    def prepare_language(self, language: str) -> None:
        """Open in the background what the voices of a language (BCP 47) need, because the call switches to it."""
        if isinstance(self.tts, LanguageVoices):
            self.tts.prepare_language(language)


@dataclass(frozen=True, slots=True)
class _Members(Generic[P]):
    """The providers of one chain, with lists in the same order that describe each provider.

    Attributes:
        sources: The plan's choice and the options from which each provider was made.
        multilingual: The indexes of recognizers that recognize all languages of the call.
    """

    providers: list[P]
    adapters: list[Adapter[P]]
    meters: list[UsageMeter]
    health: ChainHealth
    sources: list[tuple[ProviderPlan, Struct]]
    multilingual: set[int]


@dataclass(frozen=True, slots=True)
class _Hooks:
    """The callbacks of one call's chains."""

    on_failed: OnProviderFailed
    on_usage: OnUsage


@dataclass(frozen=True, slots=True)
class _Expected:
    """The language and words that a call's recognizers and voices should expect.

    Attributes:
        languages: All languages that the call may use; empty if it has only one.
        phonemes: Pronunciations for voices that accept IPA.
    """

    keyterms: Sequence[str] = ()
    languages: Sequence[str] = ()
    phonemes: Phonemes = NO_PHONEMES


class ProviderFactory:
    """Builds providers for all calls of an event loop and holds what these calls share. The caller closes the HTTP
    session.

    Args:
        vendors: All vendors that a plan may name.
        engine_socket: The path at which the local speech engine listens. If it is empty, the vendor `local` is refused.
        health: The health board of all calls. The factory creates its own board by default.
        health_secret: The secret that all processes with shared health use. Random by default.
        guard: Guards connections to addresses that customers gave.
    """

    def __init__(
        self,
        vendors: Sequence[Vendor],
        http: ClientSession,
        *,
        engine_socket: str = "",
        deadlines: Deadlines | None = None,
        health: HealthBoard | None = None,
        health_secret: bytes = b"",
        guard: EgressGuard | None = None,
    ) -> None:
        self._resources = VendorResources(http, engine_socket, guard)
        self._deadlines = deadlines or Deadlines()
        self._levels = VoiceLevels()
        self._health = health or HealthBoard(lambda: asyncio.get_running_loop().time())
        self._health_keys = HealthKeys(health_secret or secrets.token_bytes(32))
        self._stt = {vendor.name: vendor.stt for vendor in vendors if vendor.stt is not None}
        self._llm = {vendor.name: vendor.llm for vendor in vendors if vendor.llm is not None}
        self._tts = {vendor.name: vendor.tts for vendor in vendors if vendor.tts is not None}

    def build(self, plan: CallPlan, on_failed: OnProviderFailed, on_usage: OnUsage) -> Providers:
        """Build the providers of a call.

        A provider that cannot be made (an unknown vendor or invalid options) is left out of its chain and reported as
        failed, and the call continues with the other providers.

        Raises:
            PlanError: No provider of a chain can be made. The message names the fields.
        """
        hooks = _Hooks(on_failed, on_usage)
        others = [language.language for language in plan.languages]
        expected = _Expected(plan.speech.keyterms, [plan.agent.language, *others] if others else ())
        stt = self._make_members("stt", plan.stt, self._stt, hooks, plan.workspace_id, expected)
        llm = self._make_members("llm", plan.llm, self._llm, hooks, plan.workspace_id)
        voices = self._make_voices(plan, hooks)
        limits = self._deadlines
        return Providers(
            SpeechToTextChain(
                stt.providers,
                on_failed,
                limits,
                meters=stt.meters,
                health=stt.health,
                multilingual=stt.multilingual,
            ),
            LanguageModelChain(llm.providers, on_failed, limits, meters=llm.meters, health=llm.health),
            voices.chain,
            (*stt.providers, *llm.providers, *voices.members),
        )

    def check(self, plan: CallPlan) -> None:
        """Raise PlanError if any provider of the plan cannot be made. Opens nothing."""
        self.build(plan, _refuse, lambda usage: None)

    def _make_voices(self, plan: CallPlan, hooks: _Hooks) -> VoiceChain:
        """Build the voice chain of each language. Raises PlanError if no voice of a chain can be made."""
        main = self._make_voice_chain(plan, plan.tts, hooks, "tts")
        others = {
            one.language: self._make_voice_chain(plan, one.tts, hooks, f"languages[{place}].tts")
            for place, one in enumerate(plan.languages)
            if one.tts
        }
        return VoiceChain(LanguageVoices(main, others), main.members) if others else main

    def _make_voice_chain(self, plan: CallPlan, choices: Sequence[ProviderPlan], hooks: _Hooks, at: str) -> VoiceChain:
        spoken = [pronunciation for pronunciation in plan.speech.pronunciations if pronunciation.ipa]
        expected = _Expected(phonemes=Phonemes(plan.agent.language, spoken))
        tts = self._make_members("tts", choices, self._tts, hooks, plan.workspace_id, expected, at=at)
        chain = TextToSpeechChain(
            tts.providers,
            hooks.on_failed,
            self._deadlines,
            meters=tts.meters,
            health=tts.health,
            normalizers=_normalizers(tts, plan.speech.pronunciations, plan.agent.language),
            levels=[self._levels.find(one.provider, msgspec.json.encode(options)) for one, options in tts.sources],
        )
        return VoiceChain(chain, tuple(tts.providers))

    async def close(self) -> None:
        """Close everything that vendors opened for all calls."""
        await self._resources.close()

    def _make_members(
        self,
        kind: ProviderKind,
        choices: Sequence[ProviderPlan],
        adapters: Mapping[str, Adapter[P]],
        hooks: _Hooks,
        workspace: str = "",
        expected: _Expected = _Expected(),
        *,
        at: str = "",
    ) -> _Members[P]:
        """Make the providers of one chain. Raises PlanError if none can be made.

        Args:
            at: The field of the plan, if it differs from the kind's name.
        """
        made: list[P] = []
        used: list[Adapter[P]] = []
        sources: list[tuple[ProviderPlan, Struct]] = []
        meters: list[UsageMeter] = []
        seeds: list[UsualWait | None] = []
        keys: list[HealthKey] = []
        api_keys: list[str] = []
        faults: dict[int, str] = {}
        multilingual: set[int] = set()
        for index, choice in enumerate(choices):
            try:
                provider, options, hears_all = self._make(choice, adapters, expected)
            except ProviderUnusable as error:
                faults[index] = f"{at or kind}[{index}].{error}"
                continue
            adapter = adapters[choice.vendor_name]
            if hears_all:
                multilingual.add(len(made))
            made.append(provider)
            used.append(adapter)
            sources.append((choice, options))
            meters.append(_make_meter(kind, choice, adapter.model(options), hooks))
            seeds.append(adapter.usual_wait(options))
            keys.append(self._health_keys.make(kind, choice, adapter.request_options))
            api_keys.append(str(getattr(options, "api_key", "")))
        if not made:
            raise PlanError(f"plan: {'; '.join(faults.values())}")
        for index, fault in faults.items():
            following = (one.provider for at, one in enumerate(choices) if at > index and at not in faults)
            hooks.on_failed(
                ProviderFailed(
                    kind, choices[index].provider, fault, next(following, ""), stage="connect", cause="refused"
                )
            )
        health = ChainHealth(self._health, keys, workspace, seeds, api_keys)
        return _Members(made, used, meters, health, sources, multilingual)

    def _make(
        self, choice: ProviderPlan, adapters: Mapping[str, Adapter[P]], expected: _Expected
    ) -> tuple[P, Struct, bool]:
        """Return a provider, its options, and whether it recognizes all languages of the call.

        Raises:
            ProviderUnusable: The vendor is unknown, or the options are invalid.
        """
        adapter = adapters.get(choice.vendor_name)
        if adapter is None:
            field = "vendor" if choice.vendor else "provider"
            raise ProviderUnusable(f"{field}: {choice.vendor_name!r} is unknown; known are {', '.join(adapters)}")
        try:
            options = _add_keyterms(adapter, msgspec.convert(choice.options, adapter.options), expected.keyterms)
        except msgspec.ValidationError as error:
            raise ProviderUnusable(f"options: {explain_fault(error)}") from error
        if choice.guarded and not adapter.is_guardable:
            raise ProviderUnusable(f"guarded: {choice.vendor_name} has no guard against private addresses")
        hearing = hear_languages(choice.vendor_name, options, expected.languages) if expected.languages else None
        options = options if hearing is None else hearing
        phonemes = expected.phonemes if takes_ipa(choice.vendor_name, choice.options) else NO_PHONEMES
        made = adapter.make(ProviderSetup(choice.provider, options, self._resources, choice.guarded, phonemes))
        return made, options, hearing is not None


def _make_meter(kind: ProviderKind, choice: ProviderPlan, model: str, hooks: _Hooks) -> UsageMeter:
    return UsageMeter(
        kind, choice.provider, hooks.on_usage, vendor=choice.vendor_name, model=model, own_key=choice.own_key
    )


def _add_keyterms(adapter: Adapter[P], options: Struct, keyterms: Sequence[str]) -> Struct:
    """Return the provider's options with the call's keyterms, if its model accepts keyterms."""
    option = adapter.keyterms
    if option is None or not keyterms or not adapter.model(options).startswith(option.models):
        return options
    return msgspec.convert(option.add(msgspec.to_builtins(options), keyterms), adapter.options)


def _normalizers(
    voices: _Members[TextToSpeech], pronunciations: Sequence[Pronunciation], language: str
) -> Sequence[TextNormalizer]:
    """Return a normalizer for each voice. If any voice needs whole clauses, all voices of the chain get whole clauses.

    Words whose IPA a voice receives stay as they are: "K9" must not become "K nine" first.

    Args:
        language: The agent's language.
    """
    whole = not all(voice.streams_text for voice in voices.providers)
    made = []
    for adapter, (choice, _) in zip(voices.adapters, voices.sources, strict=True):
        is_told = takes_ipa(choice.vendor_name, choice.options)
        told = [Pronunciation(pronunciation.word) for pronunciation in pronunciations if pronunciation.ipa and is_told]
        spelled = [
            pronunciation
            for pronunciation in pronunciations
            if pronunciation.say and not (pronunciation.ipa and is_told)
        ]
        says = [*told, *spelled]
        made.append(TextNormalizer(adapter.reads_figures, says, whole, language, adapter.ends_with_blank))
    return made


def _refuse(failed: ProviderFailed) -> None:
    """Raise PlanError for a provider that would be left out."""
    raise PlanError(f"plan: {failed.reason}")
