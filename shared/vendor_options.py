"""The options of each vendor's providers: control checks them when they are saved, media makes providers of them."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from shared.chat_dialects import Dialect
from shared.cloud_speech_options import (
    AzureSpeechToTextOptions,
    AzureTextToSpeechOptions,
    GoogleSpeechToTextOptions,
    GoogleTextToSpeechOptions,
)
from shared.option_types import (
    ChatSeconds,
    ChatUrl,
    Keyterms,
    Languages,
    Ms,
    Name,
    ProviderKind,
    Seconds,
    ShortKeyterms,
    SocketUrl,
    StandinFailure,
)

ASSEMBLYAI_URL: Final = "wss://streaming.assemblyai.com"
DEEPGRAM_URL: Final = "wss://api.deepgram.com"
CARTESIA_URL: Final = "wss://api.cartesia.ai"
ELEVENLABS_URL: Final = "wss://api.elevenlabs.io"
SONIOX_URL: Final = "wss://stt-rt.soniox.com"
SONIOX_SPEECH_URL: Final = "wss://tts-rt.soniox.com"
XAI_URL: Final = "wss://api.x.ai"
OPENAI_URL: Final = "https://api.openai.com/v1"
ANTHROPIC_URL: Final = "https://api.anthropic.com"
GOOGLE_URL: Final = "https://generativelanguage.googleapis.com"
# The voice of Cartesia's own examples for agents (Katie).
CARTESIA_VOICE_ID: Final = "f786b574-daa5-4673-aa0c-cbe3e8534c02"
# The voice of ElevenLabs' own examples (George).
ELEVENLABS_VOICE_ID: Final = "JBFqnCBsd6RMkjVDRZzb"
# The voice of Soniox's own examples.
SONIOX_VOICE_ID: Final = "Adrian"
# Of one keyterm, and of how many (ElevenLabs' SDK).
ELEVENLABS_KEYTERM_CHARACTERS: Final = 20
ELEVENLABS_KEYTERMS: Final = 50
# Of all keyterms together (Cartesia's reference).
CARTESIA_KEYTERM_CHARACTERS: Final = 1_200
# Of all keyterms together: half of the context that Soniox takes ("about 10,000 characters").
SONIOX_KEYTERM_CHARACTERS: Final = 5_000


class EmptyOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of vendors that take none."""


class AssemblyAiSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """model: `universal-streaming-…`, `universal-3-…`, `u3-…` or `whisper-rt`. base_url: scheme and host
    (`wss://streaming.eu.assemblyai.com` stays in the EU). language: in place of the call's. keyterm: words to expect,
    50 characters each.

    format_turns (`universal-streaming-…`): texts with capitals and marks, which come a moment later. agent_context
    (Universal-3): what the agent says first, so that short answers are understood. mode (Universal-3): speed or
    accuracy. min_turn_silence_ms, max_turn_silence_ms: after which silence the vendor's own turn may end, and ends;
    the model's default where None. connect_s: limit of a new connection. answer_s: once a text was asked for, how long
    the vendor may say nothing new where it knows of no speech.
    """

    model: Annotated[str, Meta(pattern=r"^(universal-|u3-|whisper-rt\Z)", max_length=100)] = "universal-3-6-pro"
    api_key: str = ""
    base_url: SocketUrl = ASSEMBLYAI_URL
    language: Annotated[str, Meta(max_length=20)] = ""
    keyterm: ShortKeyterms = ()
    format_turns: bool = False
    agent_context: Annotated[str, Meta(max_length=1_500)] = ""
    mode: Literal["", "min_latency", "balanced", "max_accuracy"] = ""
    min_turn_silence_ms: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    max_turn_silence_ms: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    connect_s: Seconds = 3.0
    answer_s: Seconds = 0.8


class DeepgramSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """model: `nova-…` for `/v1/listen`, `flux-…` for `/v2/listen`. base_url: scheme and host, without a version.

    language: Nova's, in place of the call's ("multi" for several). languages: of multilingual Flux, those that the call
    may be in. keyterm: words to expect. endpointing_ms (Nova): silence after which a segment is final. connect_s:
    limit. answer_s: after a text was asked for, when the last known one is the answer if it covers the audio, because
    the vendor does not answer for too little audio.
    """

    model: Name = "nova-3"
    api_key: str = ""
    base_url: SocketUrl = DEEPGRAM_URL
    language: Annotated[str, Meta(max_length=20)] = ""
    languages: Languages = ()
    keyterm: Keyterms = ()
    punctuate: bool = True
    smart_format: bool = False
    numerals: bool = False
    mip_opt_out: bool = False
    endpointing_ms: Annotated[int, Meta(ge=10, le=5_000)] = 300
    connect_s: Seconds = 3.0
    answer_s: Seconds = 0.5


class DeepgramTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """model: the voice, whose last part is its language. base_url: scheme and host. connect_s: limit. max_idle:
    connections kept between speeches; they count against the account's limit (45, pay as you go)."""

    model: Annotated[str, Meta(pattern=r"^aura-[a-z0-9-]+-[a-z]{2}$", max_length=100)] = "aura-2-thalia-en"
    api_key: str = ""
    base_url: SocketUrl = DEEPGRAM_URL
    mip_opt_out: bool = False
    connect_s: Seconds = 3.0
    max_idle: Annotated[int, Meta(ge=0, le=16)] = 2


class CartesiaSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """model: `ink-2` (English) or `ink-whisper`. base_url: scheme and host. turns: the vendor finds the ends of turns
    by itself; else it is told when a text is to be final. language: in place of the call's. keyterm: words to expect
    (`ink-2`).

    turn_…: with `turns`, the vendor's default where None: thresholds of the likelihood that the caller speaks, in the
    order start > eager_end > end, and the longest wait for the end. answer_s: with `turns`, how long the vendor may say
    nothing new once a text was asked for. connect_s: limit of a new connection.
    """

    model: Name = "ink-2"
    api_key: str = ""
    base_url: SocketUrl = CARTESIA_URL
    turns: bool = False
    language: Annotated[str, Meta(max_length=20)] = ""
    keyterm: Keyterms = ()
    turn_start_threshold: Annotated[float, Meta(ge=0.5, le=0.9)] | None = None
    turn_eager_end_threshold: Annotated[float, Meta(ge=0.3, le=0.6)] | None = None
    turn_end_threshold: Annotated[float, Meta(ge=0.05, le=0.5)] | None = None
    turn_end_timeout_ms: Annotated[int, Meta(ge=640, le=11_200)] | None = None
    connect_s: Seconds = 3.0
    answer_s: Seconds = 0.5

    def __post_init__(self) -> None:
        if sum(map(len, self.keyterm)) > CARTESIA_KEYTERM_CHARACTERS:
            raise ValueError(f"keyterm: more than {CARTESIA_KEYTERM_CHARACTERS} characters together")


class CartesiaTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """model: `sonic-…`. base_url: scheme and host. speed, volume: times the voice's own. emotion: as the vendor names
    it. connect_s: limit of a new connection."""

    model: Name = "sonic-3.5"
    api_key: str = ""
    base_url: SocketUrl = CARTESIA_URL
    voice_id: Name = CARTESIA_VOICE_ID
    speed: Annotated[float, Meta(ge=0.6, le=1.5)] | None = None
    volume: Annotated[float, Meta(ge=0.5, le=2.0)] | None = None
    emotion: Name | None = None
    pronunciation_dict_id: Name | None = None
    connect_s: Seconds = 3.0


class ElevenLabsSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """model: `scribe_…_realtime`. base_url: scheme and host. language: in place of the call's, "auto" for the vendor's
    guess. keyterm: words to expect. no_verbatim: without fillers and false starts. word_times: of each word, for which
    a final text is awaited times_s at most. enable_logging: false keeps nothing at the vendor (enterprise accounts).
    connect_s: limit of a new connection."""

    model: Name = "scribe_v2_realtime"
    api_key: str = ""
    base_url: SocketUrl = ELEVENLABS_URL
    language: Annotated[str, Meta(max_length=20)] = ""
    keyterm: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=ELEVENLABS_KEYTERM_CHARACTERS)], ...],
        Meta(max_length=ELEVENLABS_KEYTERMS),
    ] = ()
    no_verbatim: bool = False
    word_times: bool = True
    enable_logging: bool = True
    connect_s: Seconds = 3.0
    times_s: Seconds = 0.3


class ElevenLabsTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """model: `eleven_…`, of those that its multi-context WebSocket takes. base_url: scheme and host. stability,
    similarity_boost, style, use_speaker_boost, speed: the voice's own where None. enable_logging: false keeps nothing
    at the vendor (enterprise accounts). connect_s: limit of a new connection. max_idle: connections kept between
    speeches."""

    model: Name = "eleven_flash_v2_5"
    api_key: str = ""
    base_url: SocketUrl = ELEVENLABS_URL
    voice_id: Name = ELEVENLABS_VOICE_ID
    stability: Annotated[float, Meta(ge=0, le=1)] | None = None
    similarity_boost: Annotated[float, Meta(ge=0, le=1)] | None = None
    style: Annotated[float, Meta(ge=0, le=1)] | None = None
    use_speaker_boost: bool | None = None
    speed: Annotated[float, Meta(ge=0.7, le=1.2)] | None = None
    enable_logging: bool = True
    connect_s: Seconds = 3.0
    max_idle: Annotated[int, Meta(ge=0, le=16)] = 4

    def __post_init__(self) -> None:
        if self.model.startswith("eleven_v3"):
            raise ValueError("model: the multi-context WebSocket does not take eleven_v3")


class SonioxSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """model: `stt-rt-…`. base_url: scheme and host (`wss://stt-rt.eu.soniox.com` stays in the EU). language: in place
    of the call's, `auto` for any. languages: in place of both, those that the call may be in. only_language: hardly any
    other is heard. keyterm: words to expect. context: what the call may be about.

    endpoint_detection: the vendor tells where it believes that the caller has finished, by endpoint_sensitivity (from
    `stt-rt-v5` on) and max_endpoint_delay_ms. trailing_silence_ms: how much silence is before a request for a text, so
    that the vendor adds less. connect_s: limit of a new connection.
    """

    model: Annotated[str, Meta(pattern=r"^stt-rt-", max_length=100)] = "stt-rt-v5"
    api_key: str = ""
    base_url: SocketUrl = SONIOX_URL
    language: Annotated[str, Meta(max_length=20)] = ""
    languages: Languages = ()
    only_language: bool = False
    keyterm: Keyterms = ()
    context: Annotated[str, Meta(max_length=4_000)] = ""
    endpoint_detection: bool = True
    endpoint_sensitivity: Annotated[float, Meta(ge=-1, le=1)] | None = None
    max_endpoint_delay_ms: Annotated[int, Meta(ge=500, le=3_000)] | None = None
    trailing_silence_ms: Annotated[int, Meta(ge=0, le=1_000)] | None = None
    connect_s: Seconds = 3.0

    def __post_init__(self) -> None:
        if sum(map(len, self.keyterm)) > SONIOX_KEYTERM_CHARACTERS:
            raise ValueError(f"keyterm: more than {SONIOX_KEYTERM_CHARACTERS} characters together")


class SonioxTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """model: `tts-rt-…`. base_url: scheme and host. voice_id: the name of a voice, or the id of a cloned one; each
    speaks all languages. speed: times the usual. connect_s: limit of a new connection. max_idle: connections kept
    between speeches; an account has few (3 before Soniox raises it)."""

    model: Annotated[str, Meta(pattern=r"^tts-rt-", max_length=100)] = "tts-rt-v2"
    api_key: str = ""
    base_url: SocketUrl = SONIOX_SPEECH_URL
    voice_id: Annotated[str, Meta(min_length=1, max_length=50)] = SONIOX_VOICE_ID
    speed: Annotated[float, Meta(ge=0.7, le=1.3)] | None = None
    connect_s: Seconds = 3.0
    max_idle: Annotated[int, Meta(ge=0, le=16)] = 1


class XaiSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """base_url: scheme and host. language: in place of the call's; numbers are written in it. keyterm: words to expect,
    50 characters each. smart_turn: confidence from which the vendor's own utterance ends at a pause; None: it does not
    tell how sure it is of a turn's end. connect_s: limit of a new connection. answer_s: once a text was asked for, when
    the last known one is the answer if it covers the audio."""

    model: Name = "grok-voice-transcribe-2.0"
    api_key: str = ""
    base_url: SocketUrl = XAI_URL
    language: Annotated[str, Meta(max_length=20)] = ""
    keyterm: ShortKeyterms = ()
    smart_turn: Annotated[float, Meta(ge=0, le=1)] | None = 0.7
    connect_s: Seconds = 3.0
    answer_s: Seconds = 0.8


class OpenAiOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """base_url: up to and including the version ("https://api.openai.com/v1"); of Azure the resource's address, with or
    without /openai/v1. api_key: empty for servers without keys. model: on Azure the deployment's name.

    dialect: by default the one of base_url's host. api_version: of Azure, where base_url does not end in /openai/v1.
    priced_as: the model under which it is priced, where `model` is a name of one's own.
    max_tokens: sent under the name that the server wants; where that depends on the model, set max_completion_tokens.
    extra: further fields of the request's body, as the vendor names them.
    connect_s, first_token_s (from the request), idle_s (between tokens): limits, beyond which ProviderSlow is raised.
    """

    model: Annotated[str, Meta(min_length=1)]
    base_url: ChatUrl = OPENAI_URL
    api_key: str = ""
    dialect: Dialect | None = None
    api_version: str = ""
    priced_as: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    reasoning_effort: str | None = None
    extra: dict[str, Any] = {}
    connect_s: ChatSeconds = 3.0
    first_token_s: ChatSeconds = 10.0
    idle_s: ChatSeconds = 10.0


class AnthropicOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """base_url: scheme and host, with or without `/v1`. temperature: accepted and ignored, because the API no longer
    takes sampling parameters; they are dropped from `extra`, too. max_tokens: of a reply, its reasoning included; the
    vendor wants a limit. effort: `output_config.effort`; None has the model think as little as it can be made to.
    extra: further fields of the request's body. connect_s, first_token_s, idle_s: as of OpenAiOptions."""

    model: Annotated[str, Meta(min_length=1)]
    base_url: ChatUrl = ANTHROPIC_URL
    api_key: str = ""
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] = 1_024
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    extra: dict[str, Any] = {}
    connect_s: ChatSeconds = 3.0
    first_token_s: ChatSeconds = 10.0
    idle_s: ChatSeconds = 10.0


class GoogleOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """base_url: scheme and host, with or without the API's version. max_tokens: of a reply, its thoughts included.
    thinking_level: None has the model think as little as it can be made to. extra: further fields of the request's
    body (`safetySettings`). connect_s, first_token_s, idle_s: as of OpenAiOptions."""

    model: Annotated[str, Meta(min_length=1)]
    base_url: ChatUrl = GOOGLE_URL
    api_key: str = ""
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    thinking_level: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    extra: dict[str, Any] = {}
    connect_s: ChatSeconds = 3.0
    first_token_s: ChatSeconds = 10.0
    idle_s: ChatSeconds = 10.0


class StandinSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """final_ms: from `finalise` to the final text. text: the result for every turn."""

    final_ms: Ms = 100
    text: str = ""
    fail: StandinFailure = ""


class StandinLanguageModelOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """first_token_ms: from the request to the first word. token_ms: from word to word. text: every reply."""

    first_token_ms: Ms = 200
    token_ms: Ms = 10
    text: str = "Thank you for calling."
    fail: StandinFailure = ""


class StandinTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """first_byte_ms: from the first text to the first audio. audio_ms: length of the whole speech, however long the
    text. chunk_ms: length of each piece."""

    first_byte_ms: Ms = 80
    audio_ms: Annotated[int, Meta(ge=20, le=600_000)] = 2500
    chunk_ms: Annotated[int, Meta(ge=20, le=10_000)] = 200
    fail: StandinFailure = ""


# By vendor and kind. `tests/test_vendors.py` holds it against media's adapters.
class PipecatOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """service: the class of the service, by its name or full name. settings: what its constructor and its `Settings`
    take. open_s: limit of a new session, the start of the process included."""

    service: str
    settings: dict[str, Any] = {}
    api_key: str = ""
    open_s: Annotated[float, Meta(gt=0, le=60)] = 10.0


VENDOR_OPTIONS: Final[Mapping[str, Mapping[ProviderKind, type[Struct]]]] = {
    "anthropic": {"llm": AnthropicOptions},
    "assemblyai": {"stt": AssemblyAiSpeechToTextOptions},
    "azure-speech": {"stt": AzureSpeechToTextOptions, "tts": AzureTextToSpeechOptions},
    "cartesia": {"stt": CartesiaSpeechToTextOptions, "tts": CartesiaTextToSpeechOptions},
    "deepgram": {"stt": DeepgramSpeechToTextOptions, "tts": DeepgramTextToSpeechOptions},
    "elevenlabs": {"stt": ElevenLabsSpeechToTextOptions, "tts": ElevenLabsTextToSpeechOptions},
    "google": {"llm": GoogleOptions},
    "google-speech": {"stt": GoogleSpeechToTextOptions, "tts": GoogleTextToSpeechOptions},
    "local": {"stt": EmptyOptions, "tts": EmptyOptions},
    "openai": {"llm": OpenAiOptions},
    "pipecat": {"stt": PipecatOptions, "llm": PipecatOptions, "tts": PipecatOptions},
    "receptionist": {"llm": EmptyOptions},
    "soniox": {"stt": SonioxSpeechToTextOptions, "tts": SonioxTextToSpeechOptions},
    "standin": {
        "stt": StandinSpeechToTextOptions,
        "llm": StandinLanguageModelOptions,
        "tts": StandinTextToSpeechOptions,
    },
    "xai": {"stt": XaiSpeechToTextOptions},
}
