"""The vendors that media has adapters for; `tests/test_vendors.py` holds this list against media's.

A provider of another vendor is listed in the catalogue, but cannot be put into service.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from control.voice.offers import Kind


@dataclass(frozen=True, slots=True)
class VendorFacts:
    """options: by each kind of provider that the vendor can be, those that an agent may set. takes_key: it is reached
    at an address (`base_url`) with a key (`api_key`) and a `model`. takes_address: a customer may give the address,
    because media's connections to it pass the egress guard. runs_services: it runs services of pipecat, which only the
    staff set up (see pipecat_config). model_prefixes: how the names of each kind's models
    begin, for a vendor of several kinds; any name where there are none."""

    options: Mapping[Kind, tuple[str, ...]]
    takes_key: bool = False
    takes_address: bool = False
    runs_services: bool = False
    model_prefixes: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What the vendor can be."""
        return tuple(self.options)

    def has_model(self, kind: Kind, model: str) -> bool:
        """Whether a model's name can be one of this kind."""
        return not self.model_prefixes or model.startswith(self.model_prefixes.get(kind, ()))


VENDORS: Final[Mapping[str, VendorFacts]] = {
    "anthropic": VendorFacts(
        {"llm": ("model", "temperature", "max_tokens", "effort")}, takes_key=True, takes_address=True
    ),
    "assemblyai": VendorFacts(
        {"stt": ("model", "keyterm", "format_turns", "agent_context")},
        takes_key=True,
        takes_address=True,
        model_prefixes={"stt": ("universal-", "u3-", "whisper-rt")},
    ),
    "azure-speech": VendorFacts(
        {
            "stt": (
                *("model", "region", "endpoint_id", "keyterm", "languages", "profanity"),
                *("segmentation", "segmentation_silence_ms"),
            ),
            "tts": ("voice_id", "model", "region", "endpoint_id", "style", "rate", "pitch", "volume"),
        },
        takes_key=True,
        takes_address=True,
        model_prefixes={"stt": ("realtime",), "tts": ("neural",)},
    ),
    "cartesia": VendorFacts(
        {
            "stt": ("model", "turns", "keyterm"),
            "tts": ("voice_id", "model", "speed", "volume", "emotion", "pronunciation_dict_id"),
        },
        takes_key=True,
        takes_address=True,
        model_prefixes={"stt": ("ink-",), "tts": ("sonic",)},
    ),
    "deepgram": VendorFacts(
        {"stt": ("model", "keyterm"), "tts": ("model",)},
        takes_key=True,
        takes_address=True,
        model_prefixes={"stt": ("nova-", "flux-"), "tts": ("aura-",)},
    ),
    "elevenlabs": VendorFacts(
        {
            "stt": ("model", "keyterm", "no_verbatim"),
            "tts": ("voice_id", "model", "stability", "similarity_boost", "style", "speed"),
        },
        takes_key=True,
        takes_address=True,
        model_prefixes={"stt": ("scribe_",), "tts": ("eleven_",)},
    ),
    "google": VendorFacts(
        {"llm": ("model", "temperature", "max_tokens", "thinking_level")}, takes_key=True, takes_address=True
    ),
    "google-speech": VendorFacts(
        {"stt": ("model", "location", "keyterm", "final_silence"), "tts": ("voice_id", "model", "location", "speed")},
        takes_key=True,
        model_prefixes={
            "stt": ("telephony", "chirp_", "latest_", "long", "short"),
            "tts": ("chirp3-hd", "neural2", "wavenet", "standard", "studio"),
        },
    ),
    "local": VendorFacts({"stt": (), "tts": ()}),
    "openai": VendorFacts(
        {"llm": ("model", "temperature", "max_tokens", "max_completion_tokens", "reasoning_effort")},
        takes_key=True,
        takes_address=True,
    ),
    "pipecat": VendorFacts({"stt": (), "llm": (), "tts": ()}, runs_services=True),
    "receptionist": VendorFacts({"llm": ()}),
    "soniox": VendorFacts(
        {"stt": ("model", "keyterm", "context"), "tts": ("voice_id", "model", "speed")},
        takes_key=True,
        takes_address=True,
        model_prefixes={"stt": ("stt-rt-",), "tts": ("tts-rt-",)},
    ),
    "standin": VendorFacts(
        {
            "stt": ("final_ms", "text", "fail"),
            "llm": ("first_token_ms", "token_ms", "text", "fail"),
            "tts": ("first_byte_ms", "audio_ms", "chunk_ms", "fail"),
        }
    ),
    "xai": VendorFacts({"stt": ("model", "keyterm")}, takes_key=True, takes_address=True),
}
