"""The services that the replies of a call share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from media.call.call_language import CallLanguage
from media.call.call_tools import CallTools
from media.call.components import CascadeComponents
from media.call.model_context import ModelContext
from media.call.phrase_audio import PhraseAudio
from media.call.playback import Playback
from media.call.responder import CallLine
from media.call.transcript import Transcript
from media.call.usage import UsageTotals
from media.providers.ports import TOOL_ENDED_PROMPT, ChatRequest, LanguageModel, Message, TextToSpeech
from shared.events import Event
from shared.plan import CallPlan


@dataclass(frozen=True, slots=True)
class ReplyServices:
    """The services and settings that all replies of a call use.

    Attributes:
        phrases: The audio of fixed sentences.
        context: What the model gets besides the system prompt.
        spoken: The call's language.
        clock: Returns ms on the call's clock.
        on_prepared_over: As in `CascadeComponents`.
    """

    llm: LanguageModel
    tts: TextToSpeech
    phrases: PhraseAudio
    playback: Playback
    transcript: Transcript
    tools: CallTools
    usage: UsageTotals
    system: str
    context: ModelContext
    spoken: CallLanguage
    clock: Callable[[], float]
    emit: Callable[[Event], None]
    on_prepared_over: Callable[[bool], None] = lambda is_used: None

    @property
    def language(self) -> str:
        """The current language (BCP 47)."""
        return self.spoken.tag

    def current_request(self) -> ChatRequest:
        """Return the current request to the model."""
        self.transcript.add_note(self.context.describe_now(self.language))
        return self.request(self.transcript.messages(), self.language)

    def request(self, messages: list[Message], language: str) -> ChatRequest:
        """Return the request to the model after these messages. `language` is the language of the answer."""
        return ChatRequest(
            system=self.system,
            messages=_with_prompt(messages),
            tools=self.tools.specs,
            language=language,
            call_note=self.context.describe_call(),
        )


def make_reply_services(
    components: CascadeComponents,
    line: CallLine,
    *,
    transcript: Transcript,
    tools: CallTools,
    phrases: PhraseAudio,
    language: CallLanguage,
) -> ReplyServices:
    """Collect what the replies of one call use."""
    plan = line.plan
    return ReplyServices(
        llm=components.llm,
        tts=components.tts,
        phrases=phrases,
        playback=line.mixer.agent,
        transcript=transcript,
        tools=tools,
        usage=line.usage,
        system=plan.agent.prompt,
        context=ModelContext(plan.context, components.wall_clock, language.tags),
        spoken=language,
        clock=line.clock.now,
        emit=line.emitter.emit,
        on_prepared_over=components.on_prepared_over,
    )


def make_phrase_audio(
    components: CascadeComponents, plan: CallPlan, language: CallLanguage, sentences: Sequence[str]
) -> PhraseAudio:
    """Make the audio of fixed sentences. `sentences` are synthesized in advance."""
    voices = [*plan.tts, *(voice for other in plan.languages for voice in other.tts)]
    pronunciations = plan.speech.pronunciations
    return PhraseAudio(components.phrases, components.tts, voices, language.tag, sentences, pronunciations)


def _with_prompt(messages: list[Message]) -> list[Message]:
    """Add a last message for the model to answer, which vendors require.

    It is missing only if the agent speaks again without a new turn of the caller, to report a tool's result.
    """
    if messages and messages[-1].role == "assistant":
        return [*messages, Message("user", TOOL_ENDED_PROMPT)]
    return messages
