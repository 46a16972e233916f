"""Puts together what the replies of a call use."""

from collections.abc import Callable, Sequence

from media.call.call_tools import CallTools
from media.call.clock import CallClock
from media.call.components import CallComponents
from media.call.model_context import ModelContext
from media.call.phrase_audio import PhraseAudio
from media.call.playback import Playback
from media.call.reply import ReplyServices
from media.call.transcript import Transcript
from media.call.usage import UsageTotals


def make_reply_services(
    components: CallComponents,
    clock: CallClock,
    *,
    playback: Playback,
    transcript: Transcript,
    tools: CallTools,
    usage: UsageTotals,
    phrases: PhraseAudio,
    on_audio_sent: Callable[[], None],
) -> ReplyServices:
    """on_audio_sent: called whenever audio of a reply was sent."""
    plan = components.plan
    return ReplyServices(
        llm=components.llm,
        tts=components.tts,
        phrases=phrases,
        playback=playback,
        transcript=transcript,
        tools=tools,
        usage=usage,
        system=plan.agent.prompt,
        context=ModelContext(plan.context, components.wall_clock),
        language=plan.agent.language,
        goodbye=plan.agent.goodbye,
        clock=clock.now,
        emit=components.emitter.emit,
        on_audio_sent=on_audio_sent,
    )


def make_phrase_audio(components: CallComponents, sentences: Sequence[str]) -> PhraseAudio:
    """sentences: to have at hand, the first one first."""
    plan = components.plan
    return PhraseAudio(components.phrases, components.tts, plan.tts, plan.agent.language, sentences)
