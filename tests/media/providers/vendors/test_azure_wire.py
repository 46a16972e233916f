"""Azure's messages, SSML, results and requests, without a socket."""

import itertools
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from media.providers.ports import KeyRefused, ProviderBusy, ProviderError
from shared.plan import Pronunciation
from shared.providers.phonemes import Phonemes
from shared.providers.segments import TurnTranscript
from vendors.azure_speech.facts import AzureSpeechToTextOptions, AzureTextToSpeechOptions, find_base_url, find_locale
from vendors.azure_speech.media import (
    CHUNK_BYTES,
    MOST_BYTES,
    MOST_KEPT_BYTES,
    SUPPOSED_BYTES,
    VENDOR,
    AudioRequests,
)
from vendors.azure_speech.wire import (
    AzureMessage,
    AzureTone,
    AzureVoice,
    ListenSettings,
    PhraseReader,
    SpokenTurns,
    make_audio,
    make_closed,
    make_config,
    make_context,
    make_headers,
    make_json,
    make_query,
    make_ssml,
    make_url,
    make_wav_header,
    read_binary,
    read_text,
    refine_refusal,
)

AVA = AzureVoice("en-US-AvaMultilingualNeural")
ID = "0123456789abcdef0123456789abcdef"


# --- messages ---


def test_messages_are_headers_and_a_body() -> None:
    head, _, body = make_json("speech.context", ID, {"a": "ü"}).decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert lines[:2] == ["Path:speech.context", f"X-RequestId:{ID}"]
    assert lines[2].startswith("X-Timestamp:20") and lines[2].endswith("Z")
    assert (lines[3], body) == ("Content-Type:application/json", '{"a":"ü"}')
    assert b"X-RequestId" not in make_config()
    audio = make_audio(ID, b"\xff\x00")
    assert int.from_bytes(audio[:2], "big") == len(audio) - 4
    assert audio.endswith(b"Z\r\n\xff\x00")
    assert read_binary("v", audio) == AzureMessage("audio", ID, b"\xff\x00")


def test_messages_of_the_service_are_read_whatever_the_case_of_their_headers() -> None:
    text = f"x-requestid: {ID.upper()}\r\nPATH: Turn.End\r\n\r\n{{}}".encode()
    assert read_text("v", text) == AzureMessage("turn.end", ID, b"{}")


@pytest.mark.parametrize("message", [b"", b"Path:turn.end", b"X-RequestId:1\r\n\r\n{}", b"\xff"])
def test_a_text_that_cannot_be_read_is_an_error(message: bytes) -> None:
    with pytest.raises(ProviderError, match="an unreadable message"):
        read_text("v", message)


@pytest.mark.parametrize("message", [b"", b"\x00", b"\x00\x09Path", b"\x00\x02X:", b"\xff\xff"])
def test_audio_that_cannot_be_read_is_an_error(message: bytes) -> None:
    with pytest.raises(ProviderError, match="an unreadable message"):
        read_binary("v", message)


def test_mulaw_has_a_wav_header() -> None:
    """As the official SDK 1.53 for Python sends it for mu-law at 8 kHz."""
    expected = "524946460000000057415645666d74201000000007000100401f0000401f0000010008006461746100000000"
    assert make_wav_header().hex() == expected


# --- addresses and errors ---


@pytest.mark.parametrize(
    ("base_url", "region", "url"),
    [
        ("", "westeurope", "wss://westeurope.stt.speech.microsoft.com"),
        ("", "chinaeast2", "wss://chinaeast2.stt.speech.azure.cn"),
        ("", "usgovvirginia", "wss://usgovvirginia.stt.speech.azure.us"),
        ("https://mine.cognitiveservices.azure.com/", "eastus", "https://mine.cognitiveservices.azure.com/stt"),
    ],
)
def test_addresses_are_those_of_the_region_or_of_ones_own_domain(base_url: str, region: str, url: str) -> None:
    assert find_base_url(base_url, region, "stt") == url


def test_an_address_has_its_query_and_a_connection_its_id() -> None:
    assert make_url("https://h/stt/", "/p", {"a": True, "b": None, "c": "de-DE"}) == "wss://h/stt/p?a=true&c=de-DE"
    assert (make_url("wss://h", "/p", {"b": None}), make_headers("", ID)) == ("wss://h/p", {"X-ConnectionId": ID})
    assert make_headers("k", ID) == {"X-ConnectionId": ID, "Ocp-Apim-Subscription-Key": "k"}


def test_a_model_of_ones_own_has_its_own_language_and_price() -> None:
    options = AzureSpeechToTextOptions(endpoint_id="e", segmentation_silence_ms=300)
    query = make_query(options, ListenSettings(("en-US",), segmentation_silence_ms=300))
    assert (query["language"], query["cid"], query["segmentationSilenceTimeoutMs"]) == (None, "e", 300)
    assert VENDOR.stt is not None and VENDOR.tts is not None
    models = [VENDOR.stt.model(AzureSpeechToTextOptions(languages=("en-US", "es-ES")[:count])) for count in (2, 1)]
    assert [VENDOR.stt.model(options), *models] == ["realtime-custom", "realtime-languages", "realtime"]
    assert VENDOR.tts.model(AzureTextToSpeechOptions(voice_id="en-US-Ava:DragonHDLatestNeural")) == "neural-hd"


@pytest.mark.parametrize(
    ("code", "kind", "cause"),
    [
        (4429, ProviderBusy, "rate_limited"),
        (1013, ProviderBusy, "rate_limited"),
        (4401, KeyRefused, "unauthorized"),
        (1007, ProviderError, "refused"),
        (1002, ProviderError, "refused"),
        (1000, ProviderError, "cut"),
        (1011, ProviderError, "cut"),
    ],
)
def test_close_codes_tell_what_was_wrong(code: int, kind: type, cause: str) -> None:
    error = make_closed("v", code, "words of the caller")
    assert "words" not in str(error) and b"words" in error.answer
    assert (type(error), error.cause, error.retryable) == (kind, cause, cause in ("cut", "rate_limited"))


def test_exhausted_quota_is_not_reported_as_a_wrong_key() -> None:
    refused = KeyRefused("v", "HTTP 403").with_answer(b'{"error":{"code":"403","message":"Out of call volume quota."}}')
    assert refine_refusal(refused).cause == "quota"
    plain = KeyRefused("v", "HTTP 403").with_answer(b"Virtual network rules")
    assert refine_refusal(plain) is plain


@pytest.mark.parametrize(
    ("language", "locale"),
    [
        ("en", "en-US"),
        ("en-gb", "en-GB"),
        ("no", "nb-NO"),
        ("uz-latn-uz", "uz-Latn-UZ"),
        ("xx", ""),
        ("de_AT", "de-AT"),
    ],
)
def test_a_language_has_a_locale(language: str, locale: str) -> None:
    assert find_locale(language) == locale


# --- SSML ---


def test_text_is_never_markup() -> None:
    text = "Fish & <chips> \"to\" 'go' \x00\x0b\ud800 now"
    ssml = make_ssml(AVA, "en-US", text)
    root = ElementTree.fromstring(ssml)
    assert "".join(root.itertext()) == "Fish & <chips> \"to\" 'go'     now"
    assert [element.tag.partition("}")[2] for element in root.iter()] == ["speak", "voice"]


def test_markup_is_sent_only_if_requested() -> None:
    tone = AzureTone(style="cheerful", rate="+10%", pitch="low")
    voice = AzureVoice(AVA.voice_id, tone, 'https://example.com/l.xml?a="b"')
    root = ElementTree.fromstring(make_ssml(voice, "de-DE", "Hallo"))
    tags = {element.tag.partition("}")[2]: element.attrib for element in root.iter()}
    assert list(tags) == ["speak", "voice", "lexicon", "lang", "express-as", "prosody"]
    assert tags["prosody"] == {"rate": "+10%", "pitch": "low"}
    assert tags["express-as"] == {"style": "cheerful"}
    assert tags["lexicon"] == {"uri": 'https://example.com/l.xml?a="b"'}


def test_words_with_ipa_are_told_it_in_the_language_of_the_agent() -> None:
    entries = [Pronunciation("Nguyen", ipa="\u02c8w\u026an"), Pronunciation("C++", "see plus plus", "si\u02d0")]
    voice = AzureVoice(AVA.voice_id, phonemes=Phonemes("en-GB", entries))
    root = ElementTree.fromstring(make_ssml(voice, "en-US", "<b> NGUYEN's Nguyens, C++ & C."))
    assert "".join(root.itertext()) == "<b> NGUYEN's Nguyens, C++ & C."
    told = [(one.text, one.attrib) for one in root.iter() if one.tag.endswith("phoneme")]
    assert told == [
        ("NGUYEN", {"alphabet": "ipa", "ph": "\u02c8w\u026an"}),
        ("C++", {"alphabet": "ipa", "ph": "si\u02d0"}),
    ]
    assert "phoneme" not in make_ssml(voice, "es-ES", "Nguyen")


# --- results ---


def result(path: str, **fields: Any) -> AzureMessage:
    return AzureMessage(path, ID, msgspec.json.encode(fields))


def phrase(text: str, start_ms: int, end_ms: int, *, display_words: bool = False) -> AzureMessage:
    ticks = [(word, 10_000 * start_ms, 10_000 * (end_ms - start_ms)) for word in text.lower().rstrip(".").split()]
    told = [{"Word": word, "Offset": at, "Duration": length} for word, at, length in ticks]
    best: dict[str, Any] = {"Display": text, "Words": told}
    if display_words:
        best["DisplayWords"] = [{**told[0], "Word": "$5."}]
    extent = {"Offset": 10_000 * start_ms, "Duration": 10_000 * (end_ms - start_ms)}
    return result("speech.phrase", RecognitionStatus="Success", NBest=[best], **extent)


def hypothesis(text: str, start_ms: int, end_ms: int) -> AzureMessage:
    return result("speech.hypothesis", Text=text, Offset=10_000 * start_ms, Duration=10_000 * (end_ms - start_ms))


def texts(*messages: AzureMessage) -> list[str]:
    """The turn's text after each message that says something."""
    reader, transcript = PhraseReader("v"), TurnTranscript()
    results = [reader.read(message, 1_000.0) for message in messages]
    events = [transcript.add(one) for one in results if one is not None]
    return [event.text for event in events if event is not None]


def test_hypotheses_become_a_phrase_and_phrases_follow_one_another() -> None:
    found = texts(
        hypothesis("one", 0, 200),
        hypothesis("one two", 0, 500),
        phrase("One two.", 0, 500),
        hypothesis("three", 600, 900),
        phrase("Three.", 600, 900),
    )
    assert found == ["one", "one two", "One two.", "One two. three", "One two. Three."]


def test_what_was_said_before_is_not_said_again() -> None:
    again = phrase("One two.", 0, 500)
    assert texts(again, again, hypothesis("one two", 0, 500)) == ["One two."]
    assert texts(again, phrase("One two.", 900, 1_400)) == ["One two.", "One two. One two."]


def test_words_count_from_the_sessions_beginning_and_are_those_that_are_displayed() -> None:
    read = PhraseReader("v").read(phrase("$5.", 100, 300, display_words=True), 1_000.0)
    assert read is not None
    assert [(word.text, word.start_ms, word.end_ms) for word in read.segment.words] == [("$5.", 1_100.0, 1_300.0)]


@pytest.mark.parametrize("status", ["NoMatch", "InitialSilenceTimeout", "BabbleTimeout", "EndOfDictation"])
def test_a_phrase_without_words_says_nothing(status: str) -> None:
    read = PhraseReader("v").read(result("speech.phrase", RecognitionStatus=status, Offset=0, Duration=10_000), 0.0)
    assert read is not None and (read.segment.text, read.is_final, read.is_flushed) == ("", True, False)


@pytest.mark.parametrize(
    ("status", "kind", "cause"),
    [
        ("TooManyRequests", ProviderBusy, "rate_limited"),
        ("Forbidden", ProviderBusy, "quota"),
        ("BadRequest", ProviderError, "refused"),
        ("Error", ProviderError, "error"),
        ("Secret words", ProviderError, "error"),
    ],
)
def test_a_phrase_can_tell_an_error(status: str, kind: type, cause: str) -> None:
    with pytest.raises(ProviderError) as raised:
        PhraseReader("v").read(result("speech.phrase", RecognitionStatus=status), 0.0)
    assert (type(raised.value), raised.value.cause) == (kind, cause)
    assert "Secret" not in str(raised.value)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"Offset":"x"}', b"\xff"])
def test_a_result_that_cannot_be_read_is_an_error(body: bytes) -> None:
    with pytest.raises(ProviderError, match="an unreadable message"):
        PhraseReader("v").read(AzureMessage("speech.phrase", ID, body), 0.0)
    assert PhraseReader("v").read(AzureMessage("turn.start", ID, body), 0.0) is None


def test_a_request_says_what_is_expected() -> None:
    settings = ListenSettings(("en-US",), ("Kelly",), "semantic", 300)
    context = make_context(settings)
    assert context["phraseDetection"]["language"] == "en-US"
    segmentation = context["phraseDetection"]["conversation"]["segmentation"]
    assert segmentation == {"mode": "Custom", "segmentationSilenceTimeoutMs": 300}
    assert context["dgi"] == {"groups": [{"type": "Generic", "items": [{"text": "Kelly"}]}], "bias": 1.0}
    assert "dgi" not in make_context(ListenSettings(("en-US",)))


# --- requests ---


class Line:
    """What requests send, as (id, length of audio); contexts are left out."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []
        numbers = itertools.count(1)
        self.requests = AudioRequests(b"{}", lambda: str(next(numbers)), lambda message: None, self._take)

    def _take(self, message: bytes) -> None:
        found = read_binary("v", message)
        if not found.body.startswith(b"RIFF"):
            self.sent.append((found.request_id, len(found.body)))


def test_audio_is_sent_in_chunks_and_waits_while_a_text_is_owed() -> None:
    line = Line()
    requests = line.requests
    requests.push(bytes(CHUNK_BYTES - 1))
    assert not line.sent
    requests.push(b"\xff")
    requests.push(bytes(160))
    assert requests.ask()
    assert line.sent == [("1", CHUNK_BYTES), ("1", 160), ("1", 0)]
    requests.push(bytes(2 * CHUNK_BYTES))
    assert requests.ask() and len(line.sent) == 3
    ended = requests.end()
    requests.resume()
    assert ended is not None and ended.position_ms == (CHUNK_BYTES + 160) / 8
    assert line.sent[3:] == [("2", 2 * CHUNK_BYTES), ("2", 0)]
    requests.end()
    assert not requests.ask()
    assert len(line.sent) == 5


def test_long_audio_is_sent_in_messages_that_the_service_takes() -> None:
    line = Line()
    line.requests.push(bytes(2 * MOST_BYTES + 100))
    assert [length for _, length in line.sent] == [MOST_BYTES, MOST_BYTES, 100]


def test_what_is_not_recognized_is_sent_again_to_another_connection() -> None:
    line = Line()
    requests = line.requests
    requests.push(bytes(1_600))
    requests.recognize(100.0)
    requests.push(bytes(800))
    requests.ask()
    requests.restart()
    assert line.sent[-2:] == [("2", 1_600), ("2", 0)]
    assert requests.began_ms == 100.0
    requests.recognize(10_000.0)  # more than there is
    ended = requests.end()
    assert ended is not None and ended.position_ms == 300.0


def test_a_request_that_ends_by_itself_goes_on_in_the_next() -> None:
    line = Line()
    line.requests.push(bytes(1_600))
    ended = line.requests.end()
    assert ended is not None and (ended.position_ms, ended.length_ms) == (None, 200.0)
    line.requests.resume()
    assert line.sent == [("1", 1_600), ("2", 1_600)]
    assert line.requests.end() is not None
    assert Line().requests.end() is None


def test_audio_without_a_phrase_is_not_kept_for_ever() -> None:
    line = Line()
    for _ in range(MOST_KEPT_BYTES // 16_000 + 10):
        line.requests.push(bytes(16_000))
    before = len(line.sent)
    line.requests.end()
    line.requests.resume()
    assert sum(length for _, length in line.sent[before:]) == MOST_KEPT_BYTES
    assert line.requests.position_ms == (MOST_KEPT_BYTES + 160_000) / 8
    before = len(line.sent)
    line.requests.restart()
    assert sum(length for _, length in line.sent[before:]) == SUPPOSED_BYTES


def test_audio_does_not_wait_for_ever_for_a_text() -> None:
    requests = Line().requests
    requests.push(bytes(800))
    requests.ask()
    requests.push(bytes(MOST_KEPT_BYTES))
    assert not requests.is_stuck
    requests.push(b"\xff")
    assert requests.is_stuck


# --- turns of a voice ---


def test_words_of_a_turn_have_its_place_in_the_utterance() -> None:
    numbers = itertools.count(1)
    turns = SpokenTurns("v", AVA, "en-US", lambda: f"{next(numbers)}")
    assert not (turns.add_text("  ") or turns.finish() or turns.cancel())
    turns.add_text("Ah. ")
    turns.read(AzureMessage("audio", "1", bytes(800)))
    assert turns.read(AzureMessage("turn.end", "1")) is not None  # a word without a time
    opening, spoken = turns.add_text("AT&T & co.")
    assert opening.startswith(b"Path:synthesis.context") and spoken.endswith(b">AT&amp;T &amp; co.</voice></speak>")
    boundary = {"Text": "AT&amp;T", "BoundaryType": "WordBoundary"}
    comma = {"Text": ",", "BoundaryType": "PunctuationBoundary"}
    marks = [
        {"Type": "WordBoundary", "Data": {"Offset": 500_000, "Duration": 1_000_000, "text": boundary}},
        {"Type": "WordBoundary", "Data": {"Offset": 600_000, "Duration": 0, "text": comma}},
        {"Type": "SessionEnd", "Data": {"Offset": 9_000_000}},
    ]
    metadata = AzureMessage("audio.metadata", "2", msgspec.json.encode({"Metadata": marks}))
    assert turns.read(AzureMessage("audio.metadata", "1", metadata.body)) is None  # of the turn before
    chunk = turns.read(metadata)
    assert chunk is not None
    assert [(word.text, word.start_ms, word.end_ms) for word in chunk.words] == [("AT&T", 150.0, 250.0)]
    with pytest.raises(ProviderError, match="an unreadable message"):
        turns.read(AzureMessage("audio.metadata", "2", b'{"Metadata":7}'))
    assert b'{"action":"stop"}' in turns.cancel()
    assert turns.read(AzureMessage("audio", "2", bytes(80))) is None
