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
    """The parts of a call with any responder; the server puts them together.

    clock: ms since the call's first stream began, never going back. make_responder: makes what answers the caller.
    recorder: None if the call is not recorded. archive: stores the recording. on_turn_taken: as in `CallLine`.
    person_ear: recognizes what a person says in the agent's place; None: the words are not known.
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

    track: this caller's voice activity. wall_clock: the date and time for the model. hints: None without smart-turn.
    completeness: None without a model of the caller's words. second_judge: gives a later, second opinion about words;
    None without one. on_prepared_over: called with whether a prepared answer is used (else it is dropped).
    remote_tools: runs the tools of control; None in a stand-alone server. phrases: audio of fixed sentences, shared
    between calls; without it late answers have no filler. on_language_switched: called with the new language (BCP 47)
    of the call.
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
