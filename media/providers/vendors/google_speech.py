"""Vendor `google-speech`: Cloud Speech-to-Text v2 and Cloud Text-to-Speech, over gRPC, with mu-law at 8 kHz throughout.

A vendor apart from `google`, whose models take an API key: these want a service account's.
"""

from typing import Final

from media.providers.grpc_calls import GrpcAddress, GrpcServer
from media.providers.vendor import Adapter, KeytermOption, ProviderSetup, Vendor
from media.providers.vendors.google_recogniser import GoogleListener, GoogleSpeechToText
from media.providers.vendors.google_recognition_stream import StreamOpener
from media.providers.vendors.google_speech_wire import find_locale, make_address, make_recogniser_config
from media.providers.vendors.google_voice import GoogleSpeaker, GoogleTextToSpeech
from media.providers.wait_history import UsualWait
from shared.cloud_speech_options import (
    GOOGLE_RECOGNITION_URL,
    GOOGLE_VOICE_URL,
    GoogleSpeechToTextOptions,
    GoogleTextToSpeechOptions,
)
from shared.google_account import AccountInvalid, ServiceAccount, read_account
from shared.providers.errors import KeyRefused
from shared.providers.service_facts import RecogniserFacts, VoiceFacts

# It refuses phrases ("Recognizer does not support feature", pipecat's table).
_WITHOUT_KEYTERMS: Final = "telephony"
_FAMILIES: Final = {
    **{"chirp3-hd": "Chirp3-HD", "neural2": "Neural2", "wavenet": "Wavenet"},
    **{"standard": "Standard", "studio": "Studio"},
}
_STREAMING: Final = "chirp3-hd"


def _make_stt(setup: ProviderSetup) -> GoogleSpeechToText:
    options: GoogleSpeechToTextOptions = setup.options
    server = _find_server(setup, make_address(options.base_url, GOOGLE_RECOGNITION_URL, options.location))
    keyterms = () if options.model == _WITHOUT_KEYTERMS else options.keyterm

    def make_opener(language: str) -> StreamOpener:
        account = _find_account(setup)
        return StreamOpener(
            provider=setup.name,
            server=server,
            account=account,
            recogniser=f"projects/{account.project}/locations/{options.location}/recognizers/_",
            config=make_recogniser_config(
                options.model,
                find_locale(options.language or language),
                keyterms,
                options.final_silence,
                punctuate=options.punctuate,
            ),
            connect_s=options.connect_s,
        )

    listener = GoogleListener(make_opener, options.answer_s)
    return GoogleSpeechToText(setup.name, listener)


def _make_tts(setup: ProviderSetup) -> GoogleTextToSpeech:
    options: GoogleTextToSpeechOptions = setup.options
    server = _find_server(setup, make_address(options.base_url, GOOGLE_VOICE_URL, options.location))

    def find_voice(language: str) -> tuple[str, str]:
        locale = find_locale(options.language or language)
        return locale, f"{locale}-{_FAMILIES[options.model]}-{options.voice_id}"

    speaker = GoogleSpeaker(
        server, lambda: _find_account(setup), find_voice, options.speed, options.connect_s, setup.phonemes
    )
    return GoogleTextToSpeech(setup.name, speaker, streams=options.model == _STREAMING)


def _find_server(setup: ProviderSetup, address: GrpcAddress) -> GrpcServer:
    """All calls share the connections to a server: a connection is nobody's account."""
    return setup.resources.share_account((GrpcServer, address), lambda: GrpcServer(address), GrpcServer.close)


def _find_account(setup: ProviderSetup) -> ServiceAccount:
    """The account of a key, with its token, for all calls. Raises KeyRefused."""
    key: str = setup.options.api_key
    try:
        return setup.resources.share_account(
            (ServiceAccount, key), lambda: read_account(key, checks_key=False), _forget_account
        )
    except AccountInvalid as error:
        raise KeyRefused(setup.name, str(error)) from None


async def _forget_account(account: ServiceAccount) -> None:
    """Nothing of it is open."""


def _model(options: GoogleSpeechToTextOptions | GoogleTextToSpeechOptions) -> str:
    return options.model


# Final texts: 1.57 s is the p99 in pipecat's table of STT services (1.14), with the vendor's own ends. Voices: without
# a public p99, the bound of all deadlines holds until it is learnt.
_STT_WAIT: Final = UsualWait(0.6, 1.57)
_TTS_WAIT: Final = UsualWait(0.3, 1.2)


def _stt_wait(options: GoogleSpeechToTextOptions) -> UsualWait:
    return _STT_WAIT


def _tts_wait(options: GoogleTextToSpeechOptions) -> UsualWait:
    return _TTS_WAIT


_STT_REQUEST: Final = frozenset({"language", "keyterm", "punctuate", "final_silence"})
_TTS_REQUEST: Final = frozenset({"voice_id", "language", "speed"})

_LOCATIONS: Final = "`location` (`global`, `us`, `eu`, `europe-west2`, …): where it computes; each model is in some"
_STREAM: Final = f"5 min a stream, of which media opens the next; streams a minute by project; {_LOCATIONS}"
_RECOGNISERS: Final = (
    RecogniserFacts(
        "Telephony",
        (_WITHOUT_KEYTERMS,),
        word_times=True,
        turn_signals=True,
        other_languages="the vendor's table",
        limits=_STREAM,
    ),
    RecogniserFacts(
        "Chirp and others",
        ("chirp_", "latest_", "long", "short"),
        word_times=True,
        turn_signals=True,
        other_languages="the vendor's table",
        limits=_STREAM,
    ),
)
_VOICES: Final = (
    VoiceFacts(
        "Chirp 3: HD",
        (_STREAMING,),
        word_times=False,
        other_languages="those that have a voice of the name",
        pronunciations="IPA of agents",
        limits=f"100 streams at once, 200 requests a minute; {_LOCATIONS}",
    ),
    VoiceFacts(
        "Neural2, WaveNet, Standard, Studio",
        tuple(one for one in _FAMILIES if one != _STREAMING),
        word_times=False,
        other_languages="those that have a voice of the name",
        limits="1,000 requests a minute (Studio 500), whole clauses; `location`: often `global` only",
    ),
)

VENDOR: Final = Vendor(
    "google-speech",
    stt=Adapter(
        _make_stt,
        GoogleSpeechToTextOptions,
        model=_model,
        request_options=_STT_REQUEST,
        usual_wait=_stt_wait,
        keyterms=KeytermOption("keyterm", ("chirp_", "latest_", "long", "short"), most=100, most_characters=10_000),
        services=_RECOGNISERS,
    ),
    tts=Adapter(
        _make_tts,
        GoogleTextToSpeechOptions,
        model=_model,
        request_options=_TTS_REQUEST,
        usual_wait=_tts_wait,
        services=_VOICES,
    ),
)
