"""The parts of a call."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from media.audio.transcode import Transcoder
from media.call.event_emitter import EventEmitter
from media.call.media_stream import MediaStream
from media.call.person_words import PersonEar
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
    """The parts of a call with any responder. The server puts them together.

    Attributes:
        clock: Returns ms since the call's first stream began. It never decreases.
        make_responder: Makes the responder that answers the caller.
        recorder: None if the call is not recorded.
        archive: Stores the recording.
        on_turn_taken: As in `CallLine`.
        person_ear: Recognizes the words of a person who speaks in the agent's place. If it is None, these words stay
            unknown.
    """

    plan: CallPlan
    stream: MediaStream
    emitter: EventEmitter
    clock: Callable[[], float]
    transcoder: Transcoder
    make_responder: MakeResponder
    recorder: RecordingWriter | None = None
    archive: RecordingArchive = field(default_factory=LocalArchive)
    on_turn_taken: Callable[[], None] = lambda: None
    person_ear: PersonEar | None = None


@dataclass(frozen=True, slots=True)
class CascadeComponents:
    """The parts of a cascade.

    Attributes:
        track: The caller's voice activity.
        wall_clock: The date and time for the model.
        hints: None without smart-turn.
        completeness: None without a model of the caller's words.
        second_judge: Gives a later, second opinion about words. None without one.
        on_prepared_over: Called with whether a prepared answer is used or dropped.
        remote_tools: Runs the tools of control. None in a stand-alone server.
        phrases: Audio of fixed sentences, shared between calls. Without it, late answers have no filler.
        on_language_switched: Called with the new language (BCP 47) of the call.
    """

    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    track: VoiceTrack
    wall_clock: Callable[[], datetime]
    hints: TurnHints | None = None
    completeness: CompletenessJudge | None = None
    second_judge: SecondJudge | None = None
    on_prepared_over: Callable[[bool], None] = lambda is_used: None
    remote_tools: RemoteTools | None = None
    phrases: PhraseAudioCache | None = None
    on_language_switched: Callable[[str], None] = lambda language: None
