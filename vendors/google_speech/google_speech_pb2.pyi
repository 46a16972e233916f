import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AudioEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIO_ENCODING_UNSPECIFIED: _ClassVar[AudioEncoding]
    LINEAR16: _ClassVar[AudioEncoding]
    MULAW: _ClassVar[AudioEncoding]
AUDIO_ENCODING_UNSPECIFIED: AudioEncoding
LINEAR16: AudioEncoding
MULAW: AudioEncoding

class ExplicitDecodingConfig(_message.Message):
    __slots__ = ("encoding", "sample_rate_hertz", "audio_channel_count")
    class AudioEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        AUDIO_ENCODING_UNSPECIFIED: _ClassVar[ExplicitDecodingConfig.AudioEncoding]
        LINEAR16: _ClassVar[ExplicitDecodingConfig.AudioEncoding]
        MULAW: _ClassVar[ExplicitDecodingConfig.AudioEncoding]
    AUDIO_ENCODING_UNSPECIFIED: ExplicitDecodingConfig.AudioEncoding
    LINEAR16: ExplicitDecodingConfig.AudioEncoding
    MULAW: ExplicitDecodingConfig.AudioEncoding
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    AUDIO_CHANNEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    encoding: ExplicitDecodingConfig.AudioEncoding
    sample_rate_hertz: int
    audio_channel_count: int
    def __init__(self, encoding: _Optional[_Union[ExplicitDecodingConfig.AudioEncoding, str]] = ..., sample_rate_hertz: _Optional[int] = ..., audio_channel_count: _Optional[int] = ...) -> None: ...

class RecognitionFeatures(_message.Message):
    __slots__ = ("profanity_filter", "enable_word_time_offsets", "enable_word_confidence", "enable_automatic_punctuation")
    PROFANITY_FILTER_FIELD_NUMBER: _ClassVar[int]
    ENABLE_WORD_TIME_OFFSETS_FIELD_NUMBER: _ClassVar[int]
    ENABLE_WORD_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    ENABLE_AUTOMATIC_PUNCTUATION_FIELD_NUMBER: _ClassVar[int]
    profanity_filter: bool
    enable_word_time_offsets: bool
    enable_word_confidence: bool
    enable_automatic_punctuation: bool
    def __init__(self, profanity_filter: bool = ..., enable_word_time_offsets: bool = ..., enable_word_confidence: bool = ..., enable_automatic_punctuation: bool = ...) -> None: ...

class PhraseSet(_message.Message):
    __slots__ = ("phrases",)
    class Phrase(_message.Message):
        __slots__ = ("value", "boost")
        VALUE_FIELD_NUMBER: _ClassVar[int]
        BOOST_FIELD_NUMBER: _ClassVar[int]
        value: str
        boost: float
        def __init__(self, value: _Optional[str] = ..., boost: _Optional[float] = ...) -> None: ...
    PHRASES_FIELD_NUMBER: _ClassVar[int]
    phrases: _containers.RepeatedCompositeFieldContainer[PhraseSet.Phrase]
    def __init__(self, phrases: _Optional[_Iterable[_Union[PhraseSet.Phrase, _Mapping]]] = ...) -> None: ...

class SpeechAdaptation(_message.Message):
    __slots__ = ("phrase_sets",)
    class AdaptationPhraseSet(_message.Message):
        __slots__ = ("inline_phrase_set",)
        INLINE_PHRASE_SET_FIELD_NUMBER: _ClassVar[int]
        inline_phrase_set: PhraseSet
        def __init__(self, inline_phrase_set: _Optional[_Union[PhraseSet, _Mapping]] = ...) -> None: ...
    PHRASE_SETS_FIELD_NUMBER: _ClassVar[int]
    phrase_sets: _containers.RepeatedCompositeFieldContainer[SpeechAdaptation.AdaptationPhraseSet]
    def __init__(self, phrase_sets: _Optional[_Iterable[_Union[SpeechAdaptation.AdaptationPhraseSet, _Mapping]]] = ...) -> None: ...

class RecognitionConfig(_message.Message):
    __slots__ = ("explicit_decoding_config", "model", "language_codes", "features", "adaptation")
    EXPLICIT_DECODING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_CODES_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    ADAPTATION_FIELD_NUMBER: _ClassVar[int]
    explicit_decoding_config: ExplicitDecodingConfig
    model: str
    language_codes: _containers.RepeatedScalarFieldContainer[str]
    features: RecognitionFeatures
    adaptation: SpeechAdaptation
    def __init__(self, explicit_decoding_config: _Optional[_Union[ExplicitDecodingConfig, _Mapping]] = ..., model: _Optional[str] = ..., language_codes: _Optional[_Iterable[str]] = ..., features: _Optional[_Union[RecognitionFeatures, _Mapping]] = ..., adaptation: _Optional[_Union[SpeechAdaptation, _Mapping]] = ...) -> None: ...

class StreamingRecognitionFeatures(_message.Message):
    __slots__ = ("enable_voice_activity_events", "interim_results", "endpointing_sensitivity")
    class EndpointingSensitivity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ENDPOINTING_SENSITIVITY_UNSPECIFIED: _ClassVar[StreamingRecognitionFeatures.EndpointingSensitivity]
        ENDPOINTING_SENSITIVITY_STANDARD: _ClassVar[StreamingRecognitionFeatures.EndpointingSensitivity]
        ENDPOINTING_SENSITIVITY_SUPERSHORT: _ClassVar[StreamingRecognitionFeatures.EndpointingSensitivity]
        ENDPOINTING_SENSITIVITY_SHORT: _ClassVar[StreamingRecognitionFeatures.EndpointingSensitivity]
    ENDPOINTING_SENSITIVITY_UNSPECIFIED: StreamingRecognitionFeatures.EndpointingSensitivity
    ENDPOINTING_SENSITIVITY_STANDARD: StreamingRecognitionFeatures.EndpointingSensitivity
    ENDPOINTING_SENSITIVITY_SUPERSHORT: StreamingRecognitionFeatures.EndpointingSensitivity
    ENDPOINTING_SENSITIVITY_SHORT: StreamingRecognitionFeatures.EndpointingSensitivity
    ENABLE_VOICE_ACTIVITY_EVENTS_FIELD_NUMBER: _ClassVar[int]
    INTERIM_RESULTS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTING_SENSITIVITY_FIELD_NUMBER: _ClassVar[int]
    enable_voice_activity_events: bool
    interim_results: bool
    endpointing_sensitivity: StreamingRecognitionFeatures.EndpointingSensitivity
    def __init__(self, enable_voice_activity_events: bool = ..., interim_results: bool = ..., endpointing_sensitivity: _Optional[_Union[StreamingRecognitionFeatures.EndpointingSensitivity, str]] = ...) -> None: ...

class StreamingRecognitionConfig(_message.Message):
    __slots__ = ("config", "streaming_features")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    STREAMING_FEATURES_FIELD_NUMBER: _ClassVar[int]
    config: RecognitionConfig
    streaming_features: StreamingRecognitionFeatures
    def __init__(self, config: _Optional[_Union[RecognitionConfig, _Mapping]] = ..., streaming_features: _Optional[_Union[StreamingRecognitionFeatures, _Mapping]] = ...) -> None: ...

class StreamingRecognizeRequest(_message.Message):
    __slots__ = ("recognizer", "streaming_config", "audio")
    RECOGNIZER_FIELD_NUMBER: _ClassVar[int]
    STREAMING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    recognizer: str
    streaming_config: StreamingRecognitionConfig
    audio: bytes
    def __init__(self, recognizer: _Optional[str] = ..., streaming_config: _Optional[_Union[StreamingRecognitionConfig, _Mapping]] = ..., audio: _Optional[bytes] = ...) -> None: ...

class WordInfo(_message.Message):
    __slots__ = ("start_offset", "end_offset", "word", "confidence")
    START_OFFSET_FIELD_NUMBER: _ClassVar[int]
    END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    WORD_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    start_offset: _duration_pb2.Duration
    end_offset: _duration_pb2.Duration
    word: str
    confidence: float
    def __init__(self, start_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., end_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., word: _Optional[str] = ..., confidence: _Optional[float] = ...) -> None: ...

class SpeechRecognitionAlternative(_message.Message):
    __slots__ = ("transcript", "confidence", "words")
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    transcript: str
    confidence: float
    words: _containers.RepeatedCompositeFieldContainer[WordInfo]
    def __init__(self, transcript: _Optional[str] = ..., confidence: _Optional[float] = ..., words: _Optional[_Iterable[_Union[WordInfo, _Mapping]]] = ...) -> None: ...

class StreamingRecognitionResult(_message.Message):
    __slots__ = ("alternatives", "is_final", "stability", "result_end_offset", "language_code")
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    IS_FINAL_FIELD_NUMBER: _ClassVar[int]
    STABILITY_FIELD_NUMBER: _ClassVar[int]
    RESULT_END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_CODE_FIELD_NUMBER: _ClassVar[int]
    alternatives: _containers.RepeatedCompositeFieldContainer[SpeechRecognitionAlternative]
    is_final: bool
    stability: float
    result_end_offset: _duration_pb2.Duration
    language_code: str
    def __init__(self, alternatives: _Optional[_Iterable[_Union[SpeechRecognitionAlternative, _Mapping]]] = ..., is_final: bool = ..., stability: _Optional[float] = ..., result_end_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., language_code: _Optional[str] = ...) -> None: ...

class StreamingRecognizeResponse(_message.Message):
    __slots__ = ("results", "speech_event_type", "speech_event_offset")
    class SpeechEventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SPEECH_EVENT_TYPE_UNSPECIFIED: _ClassVar[StreamingRecognizeResponse.SpeechEventType]
        END_OF_SINGLE_UTTERANCE: _ClassVar[StreamingRecognizeResponse.SpeechEventType]
        SPEECH_ACTIVITY_BEGIN: _ClassVar[StreamingRecognizeResponse.SpeechEventType]
        SPEECH_ACTIVITY_END: _ClassVar[StreamingRecognizeResponse.SpeechEventType]
    SPEECH_EVENT_TYPE_UNSPECIFIED: StreamingRecognizeResponse.SpeechEventType
    END_OF_SINGLE_UTTERANCE: StreamingRecognizeResponse.SpeechEventType
    SPEECH_ACTIVITY_BEGIN: StreamingRecognizeResponse.SpeechEventType
    SPEECH_ACTIVITY_END: StreamingRecognizeResponse.SpeechEventType
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    SPEECH_EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SPEECH_EVENT_OFFSET_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[StreamingRecognitionResult]
    speech_event_type: StreamingRecognizeResponse.SpeechEventType
    speech_event_offset: _duration_pb2.Duration
    def __init__(self, results: _Optional[_Iterable[_Union[StreamingRecognitionResult, _Mapping]]] = ..., speech_event_type: _Optional[_Union[StreamingRecognizeResponse.SpeechEventType, str]] = ..., speech_event_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class VoiceSelectionParams(_message.Message):
    __slots__ = ("language_code", "name")
    LANGUAGE_CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    language_code: str
    name: str
    def __init__(self, language_code: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class AudioConfig(_message.Message):
    __slots__ = ("audio_encoding", "speaking_rate", "sample_rate_hertz")
    AUDIO_ENCODING_FIELD_NUMBER: _ClassVar[int]
    SPEAKING_RATE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    audio_encoding: AudioEncoding
    speaking_rate: float
    sample_rate_hertz: int
    def __init__(self, audio_encoding: _Optional[_Union[AudioEncoding, str]] = ..., speaking_rate: _Optional[float] = ..., sample_rate_hertz: _Optional[int] = ...) -> None: ...

class SynthesisInput(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class SynthesizeSpeechRequest(_message.Message):
    __slots__ = ("input", "voice", "audio_config")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    AUDIO_CONFIG_FIELD_NUMBER: _ClassVar[int]
    input: SynthesisInput
    voice: VoiceSelectionParams
    audio_config: AudioConfig
    def __init__(self, input: _Optional[_Union[SynthesisInput, _Mapping]] = ..., voice: _Optional[_Union[VoiceSelectionParams, _Mapping]] = ..., audio_config: _Optional[_Union[AudioConfig, _Mapping]] = ...) -> None: ...

class SynthesizeSpeechResponse(_message.Message):
    __slots__ = ("audio_content",)
    AUDIO_CONTENT_FIELD_NUMBER: _ClassVar[int]
    audio_content: bytes
    def __init__(self, audio_content: _Optional[bytes] = ...) -> None: ...

class StreamingAudioConfig(_message.Message):
    __slots__ = ("audio_encoding", "sample_rate_hertz", "speaking_rate")
    AUDIO_ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    SPEAKING_RATE_FIELD_NUMBER: _ClassVar[int]
    audio_encoding: AudioEncoding
    sample_rate_hertz: int
    speaking_rate: float
    def __init__(self, audio_encoding: _Optional[_Union[AudioEncoding, str]] = ..., sample_rate_hertz: _Optional[int] = ..., speaking_rate: _Optional[float] = ...) -> None: ...

class CustomPronunciationParams(_message.Message):
    __slots__ = ("phrase", "phonetic_encoding", "pronunciation")
    class PhoneticEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PHONETIC_ENCODING_UNSPECIFIED: _ClassVar[CustomPronunciationParams.PhoneticEncoding]
        PHONETIC_ENCODING_IPA: _ClassVar[CustomPronunciationParams.PhoneticEncoding]
    PHONETIC_ENCODING_UNSPECIFIED: CustomPronunciationParams.PhoneticEncoding
    PHONETIC_ENCODING_IPA: CustomPronunciationParams.PhoneticEncoding
    PHRASE_FIELD_NUMBER: _ClassVar[int]
    PHONETIC_ENCODING_FIELD_NUMBER: _ClassVar[int]
    PRONUNCIATION_FIELD_NUMBER: _ClassVar[int]
    phrase: str
    phonetic_encoding: CustomPronunciationParams.PhoneticEncoding
    pronunciation: str
    def __init__(self, phrase: _Optional[str] = ..., phonetic_encoding: _Optional[_Union[CustomPronunciationParams.PhoneticEncoding, str]] = ..., pronunciation: _Optional[str] = ...) -> None: ...

class CustomPronunciations(_message.Message):
    __slots__ = ("pronunciations",)
    PRONUNCIATIONS_FIELD_NUMBER: _ClassVar[int]
    pronunciations: _containers.RepeatedCompositeFieldContainer[CustomPronunciationParams]
    def __init__(self, pronunciations: _Optional[_Iterable[_Union[CustomPronunciationParams, _Mapping]]] = ...) -> None: ...

class StreamingSynthesizeConfig(_message.Message):
    __slots__ = ("voice", "streaming_audio_config", "custom_pronunciations")
    VOICE_FIELD_NUMBER: _ClassVar[int]
    STREAMING_AUDIO_CONFIG_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_PRONUNCIATIONS_FIELD_NUMBER: _ClassVar[int]
    voice: VoiceSelectionParams
    streaming_audio_config: StreamingAudioConfig
    custom_pronunciations: CustomPronunciations
    def __init__(self, voice: _Optional[_Union[VoiceSelectionParams, _Mapping]] = ..., streaming_audio_config: _Optional[_Union[StreamingAudioConfig, _Mapping]] = ..., custom_pronunciations: _Optional[_Union[CustomPronunciations, _Mapping]] = ...) -> None: ...

class StreamingSynthesisInput(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class StreamingSynthesizeRequest(_message.Message):
    __slots__ = ("streaming_config", "input")
    STREAMING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    streaming_config: StreamingSynthesizeConfig
    input: StreamingSynthesisInput
    def __init__(self, streaming_config: _Optional[_Union[StreamingSynthesizeConfig, _Mapping]] = ..., input: _Optional[_Union[StreamingSynthesisInput, _Mapping]] = ...) -> None: ...

class StreamingSynthesizeResponse(_message.Message):
    __slots__ = ("audio_content",)
    AUDIO_CONTENT_FIELD_NUMBER: _ClassVar[int]
    audio_content: bytes
    def __init__(self, audio_content: _Optional[bytes] = ...) -> None: ...
