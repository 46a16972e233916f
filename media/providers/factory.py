"""Builds a call's providers from its plan: each list becomes a fallback chain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import ClientSession
from msgspec import Struct

from media.providers.chain.candidates import OnProviderFailed
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.llm import LanguageModelChain
from media.providers.chain.stt import SpeechToTextChain
from media.providers.chain.tts import TextToSpeechChain
from media.providers.openai import OpenAiLanguageModel, OpenAiOptions
from media.providers.ports import LanguageModel, SpeechToText, TextToSpeech
from media.providers.receptionist.llm import ReceptionistLanguageModel
from media.providers.standin import (
    StandinLanguageModel,
    StandinLanguageModelOptions,
    StandinSpeechToText,
    StandinSpeechToTextOptions,
    StandinTextToSpeech,
    StandinTextToSpeechOptions,
    make_speech_pattern,
)
from shared.plan import CallPlan, PlanError, ProviderPlan

P = TypeVar("P")
MakeProvider = Callable[[dict[str, Any]], P]
Options = TypeVar("Options", bound=Struct)


@dataclass(frozen=True, slots=True)
class Providers:
    """One call's providers, each a fallback chain."""

    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech


class EmptyOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of providers that take none."""


class ProviderFactory:
    """One per event loop; holds what all its calls share. The caller closes the HTTP session.

    engine_socket: path at which the local speech engine listens; "" where there is none: then "local" is refused.
    """

    def __init__(self, http: ClientSession, *, engine_socket: str = "", deadlines: Deadlines | None = None) -> None:
        self._http = http
        self._engine_socket = engine_socket
        self._deadlines = deadlines or Deadlines()
        self._pattern = make_speech_pattern()
        self._receptionist = ReceptionistLanguageModel()
        self._engine: Any = None  # the EngineClient, once a plan named "local"
        self._stt_makers: dict[str, MakeProvider[SpeechToText]] = {
            "standin": self._standin_stt,
            "local": self._local_stt,
        }
        self._llm_makers: dict[str, MakeProvider[LanguageModel]] = {
            "standin": self._standin_llm,
            "receptionist": self._receptionist_llm,
            "openai": self._openai_llm,
        }
        self._tts_makers: dict[str, MakeProvider[TextToSpeech]] = {
            "standin": self._standin_tts,
            "local": self._local_tts,
        }

    def build(self, plan: CallPlan, on_failed: OnProviderFailed) -> Providers:
        """Raises PlanError with the field's name for an unknown provider or for options that it does not take."""
        return Providers(
            SpeechToTextChain(_make_all("stt", plan.stt, self._stt_makers), on_failed, self._deadlines),
            LanguageModelChain(_make_all("llm", plan.llm, self._llm_makers), on_failed, self._deadlines),
            TextToSpeechChain(_make_all("tts", plan.tts, self._tts_makers), on_failed, self._deadlines),
        )

    def check(self, plan: CallPlan) -> None:
        """Raises PlanError as `build` would; opens nothing."""
        self.build(plan, lambda failed: None)

    async def close(self) -> None:
        """Closes the connection to the local engine."""
        if self._engine is not None:
            await self._engine.close()

    def _standin_stt(self, options: dict[str, Any]) -> SpeechToText:
        return StandinSpeechToText(_options(options, StandinSpeechToTextOptions))

    def _standin_llm(self, options: dict[str, Any]) -> LanguageModel:
        return StandinLanguageModel(_options(options, StandinLanguageModelOptions))

    def _standin_tts(self, options: dict[str, Any]) -> TextToSpeech:
        return StandinTextToSpeech(_options(options, StandinTextToSpeechOptions), self._pattern)

    def _receptionist_llm(self, options: dict[str, Any]) -> LanguageModel:
        _options(options, EmptyOptions)
        return self._receptionist

    def _openai_llm(self, options: dict[str, Any]) -> LanguageModel:
        return OpenAiLanguageModel(_options(options, OpenAiOptions), self._http)

    def _local_stt(self, options: dict[str, Any]) -> SpeechToText:
        _options(options, EmptyOptions)
        from media.providers.local.stt import LocalSpeechToText  # its packages are optional

        return LocalSpeechToText(self._engine_client())

    def _local_tts(self, options: dict[str, Any]) -> TextToSpeech:
        _options(options, EmptyOptions)
        from media.providers.local.tts import LocalTextToSpeech

        return LocalTextToSpeech(self._engine_client())

    def _engine_client(self) -> Any:
        if not self._engine_socket:
            raise _ProviderUnusable("provider: no local speech engine is running")
        if self._engine is None:
            from media.providers.local.client import EngineClient

            self._engine = EngineClient(Path(self._engine_socket))
        return self._engine


class _ProviderUnusable(ValueError):
    """A provider that cannot be made; the message begins with the field."""


def _options(options: dict[str, Any], kind: type[Options]) -> Options:
    try:
        return msgspec.convert(options, kind)
    except msgspec.ValidationError as error:
        raise _ProviderUnusable(f"options: {error}") from error


def _make_all(field: str, choices: Sequence[ProviderPlan], makers: Mapping[str, MakeProvider[P]]) -> list[P]:
    made = []
    for index, choice in enumerate(choices):
        try:
            make = makers.get(choice.provider)
            if make is None:
                raise _ProviderUnusable(f"provider: there is no {choice.provider!r}, only {', '.join(makers)}")
            made.append(make(choice.options))
        except _ProviderUnusable as error:
            raise PlanError(f"plan: {field}[{index}].{error}") from error
    return made
