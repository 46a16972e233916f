"""What a call is made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from media.audio.transcode import Transcoder
from media.call.event_emitter import EventEmitter
from media.call.media_stream import MediaStream
from media.call.phrase_audio import PhraseAudioCache
from media.call.recording import LocalArchive, RecordingArchive, RecordingWriter
from media.call.responder import MakeResponder
from media.call.turn_hints import TurnHints
from media.providers.ports import LanguageModel, SpeechToText, TextToSpeech
from media.tools.remote import RemoteTools
from media.turn.evidence import CompletenessJudge
from media.turn.second_opinion import SecondJudge
from media.turn.vad import VoiceTrack
from shared.plan import CallPlan


@dataclass(frozen=True, slots=True)
class CallComponents:
    """What a call is made of, whatever answers it; put together once by the server.

    clock: ms since the call's first stream began, never going back. make_responder: makes what answers the caller.
    recorder: None if the call is not recorded. archive: stores the recording.
    """

    plan: CallPlan
    stream: MediaStream
    emitter: EventEmitter
    clock: Callable[[], float]
    transcoder: Transcoder
    make_responder: MakeResponder
    recorder: RecordingWriter | None = None
    archive: RecordingArchive = field(default_factory=LocalArchive)


@dataclass(frozen=True, slots=True)
class CascadeComponents:
    """What a cascade is made of.

    track: this caller's voice activity. wall_clock: the date and time, which the model is told. hints: None without
    smart-turn. completeness: None without a model of the caller's words. second_judge: asked besides about words, in
    its own time; None: nobody is. on_turn_taken: called when a turn of the caller's has ended and is about to be
    answered. on_prepared_over: called with whether an answer that was asked for before the turn's end is used, or
    dropped. remote_tools: runs the tools of control; None where there is no control. phrases: audio of fixed sentences,
    shared with other calls; None: nothing is said from it, so that no filler comes before a late answer.
    on_language_switched: called with the language (BCP 47) that the call goes on in.
    """

    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    track: VoiceTrack
    wall_clock: Callable[[], datetime]
    hints: TurnHints | None = None
    completeness: CompletenessJudge | None = None
    second_judge: SecondJudge | None = None
    on_turn_taken: Callable[[], None] = lambda: None
    on_prepared_over: Callable[[bool], None] = lambda is_used: None
    remote_tools: RemoteTools | None = None
    phrases: PhraseAudioCache | None = None
    on_language_switched: Callable[[str], None] = lambda language: None
