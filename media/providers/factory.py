"""Makes a call's providers from its plan: each list becomes a fallback chain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import ClientSession
from msgspec import Struct

from media.providers.chain.deadlines import Deadlines
from media.providers.chain.hear import HearChain
from media.providers.chain.roster import OnFailed
from media.providers.chain.speak import SpeakChain
from media.providers.chain.think import ThinkChain
from media.providers.openai import OpenAiOptions, OpenAiThink
from media.providers.ports import Hear, Speak, Think
from media.providers.receptionist.brain import Receptionist
from media.providers.standin import (
    HearOptions,
    SpeakOptions,
    StandinHear,
    StandinSpeak,
    StandinThink,
    ThinkOptions,
    speech_pattern,
)
from shared.plan import CallPlan, PlanError, ProviderPlan

P = TypeVar("P")
Make = Callable[[dict[str, Any]], P]
Options = TypeVar("Options", bound=Struct)


@dataclass(frozen=True, slots=True)
class Providers:
    """One call's ear, brain and voice."""

    hear: Hear
    think: Think
    speak: Speak


class NoOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """For providers that take none."""


class Factory:
    """One per event loop; holds what all its calls share. The HTTP session is the caller's to close.

    engine_socket: where the local speech engine listens; empty where there is none, then no plan may name "local".
    """

    def __init__(self, http: ClientSession, *, engine_socket: str = "", deadlines: Deadlines | None = None) -> None:
        self._http = http
        self._engine_socket = engine_socket
        self._deadlines = deadlines or Deadlines()
        self._pattern = speech_pattern()
        self._receptionist = Receptionist()
        self._engine: Any = None  # the client of the local engine, once a plan has asked for it
        self._hears: dict[str, Make[Hear]] = {"standin": self._standin_hear, "local": self._local_hear}
        self._thinks: dict[str, Make[Think]] = {
            "standin": self._standin_think,
            "receptionist": self._receptionist_think,
            "openai": self._openai_think,
        }
        self._speaks: dict[str, Make[Speak]] = {"standin": self._standin_speak, "local": self._local_speak}

    def build(self, plan: CallPlan, on_failed: OnFailed) -> Providers:
        """Raises PlanError naming the field, for an unknown provider or options that it does not take."""
        return Providers(
            HearChain(_made("stt", plan.stt, self._hears), on_failed, self._deadlines),
            ThinkChain(_made("llm", plan.llm, self._thinks), on_failed, self._deadlines),
            SpeakChain(_made("tts", plan.tts, self._speaks), on_failed, self._deadlines),
        )

    def check(self, plan: CallPlan) -> None:
        """Raises PlanError now for what `build` would refuse later; opens nothing."""
        self.build(plan, lambda failed: None)

    async def close(self) -> None:
        """Gives back what the factory opened itself."""
        if self._engine is not None:
            await self._engine.close()

    def _standin_hear(self, options: dict[str, Any]) -> Hear:
        return StandinHear(_options(options, HearOptions))

    def _standin_think(self, options: dict[str, Any]) -> Think:
        return StandinThink(_options(options, ThinkOptions))

    def _standin_speak(self, options: dict[str, Any]) -> Speak:
        return StandinSpeak(_options(options, SpeakOptions), self._pattern)

    def _receptionist_think(self, options: dict[str, Any]) -> Think:
        _options(options, NoOptions)
        return self._receptionist

    def _openai_think(self, options: dict[str, Any]) -> Think:
        return OpenAiThink(_options(options, OpenAiOptions), self._http)

    def _local_hear(self, options: dict[str, Any]) -> Hear:
        _options(options, NoOptions)
        from media.providers.local.hear import LocalHear  # with the room's packages, which are optional

        return LocalHear(self._local_engine())

    def _local_speak(self, options: dict[str, Any]) -> Speak:
        _options(options, NoOptions)
        from media.providers.local.speak import LocalSpeak

        return LocalSpeak(self._local_engine())

    def _local_engine(self) -> Any:
        if not self._engine_socket:
            raise _Unusable("provider: no local speech engine is running")
        if self._engine is None:
            from media.providers.local.client import EngineClient

            self._engine = EngineClient(Path(self._engine_socket))
        return self._engine


class _Unusable(ValueError):
    """A choice that cannot be made; begins with the field."""


def _options(options: dict[str, Any], kind: type[Options]) -> Options:
    try:
        return msgspec.convert(options, kind)
    except msgspec.ValidationError as error:
        raise _Unusable(f"options: {error}") from error


def _made(field: str, choices: Sequence[ProviderPlan], makers: Mapping[str, Make[P]]) -> list[P]:
    made = []
    for index, choice in enumerate(choices):
        try:
            make = makers.get(choice.provider)
            if make is None:
                raise _Unusable(f"provider: there is no {choice.provider!r}, only {', '.join(makers)}")
            made.append(make(choice.options))
        except _Unusable as error:
            raise PlanError(f"plan: {field}[{index}].{error}") from error
    return made
