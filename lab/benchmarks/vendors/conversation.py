"""What callers and agents say in calls with simulated vendors, how long the vendors take, and what servers are told."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec

from lab.benchmarks.clip import Phrase
from lab.benchmarks.delays import PLAN, Delays, read_delays

# Two sentences: pipecat gives its voice whole ones.
ANSWER = "Thank you for calling. I can certainly help you with that today."
GREETING = "Hello. How can I help you?"
KEY = "simulated-vendor-key"
CHAT_MODEL = "gpt-5.4-mini"
GOOGLE_SPEECH = "google-speech"


class VendorAddresses(msgspec.Struct, frozen=True):
    """Where the simulated vendors listen. authority: PEM file that servers have to trust. others: host and port of
    further vendors, by their names. key_file: the key of Google's speech."""

    authority: str
    deepgram: str
    openai: str
    cartesia: str
    others: dict[str, str] = {}
    key_file: str = ""


class VendorTrio(msgspec.Struct, frozen=True):
    """Who hears, thinks and speaks: each a vendor, with its model behind a blank where it is not the usual one."""

    stt: str = "deepgram nova-3"
    llm: str = "openai"
    tts: str = "cartesia"


BASE = VendorTrio()
_MODELS = {"openai": CHAT_MODEL, "anthropic": "claude-haiku-4-5", "google": "gemini-3.5-flash-lite"}
_SECURE = {"stt": "wss", "llm": "https", "tts": "wss"}


def make_vendor_config(phrase: Phrase, delays: Delays | None = None, *, serves_all: bool = False) -> dict[str, Any]:
    """What the simulated vendors are told; the delays are those of the stand-ins. serves_all: all vendors run."""
    delays = delays or read_delays()
    recording = b"".join(base64.b64decode(frame) for frame in phrase.frames)
    return {
        "recording": base64.b64encode(recording).decode(),
        "heard": delays.heard,
        "answer": ANSWER,
        "final_ms": delays.final,
        "first_token_ms": delays.first_token,
        "token_ms": delays.token,
        "first_audio_ms": delays.first_byte,
        "chunk_ms": delays.chunk,
        "key": KEY,
        "serves_all": serves_all,
    }


def make_plan(addresses: VendorAddresses, trio: VendorTrio = BASE) -> dict[str, Any]:
    """The call plan of our server: that of the stand-ins, with vendors in their place and a greeting."""
    plan: dict[str, Any] = json.loads(PLAN.read_text())
    plan["agent"]["greeting"] = GREETING
    for role in ("stt", "llm", "tts"):
        plan[role] = [_make_provider(addresses, role, getattr(trio, role))]
    return plan


def _make_provider(addresses: VendorAddresses, role: str, named: str) -> dict[str, Any]:
    vendor, _, model = named.partition(" ")
    is_google = vendor == GOOGLE_SPEECH
    first = {"deepgram": addresses.deepgram, "openai": addresses.openai, "cartesia": addresses.cartesia}
    scheme = "https" if is_google else _SECURE[role]
    url = first.get(vendor) or f"{scheme}://{addresses.others[vendor]}"
    options = {"api_key": addresses.key_file if is_google else KEY, "base_url": url}
    chosen = model or (_MODELS[vendor] if role == "llm" else "")
    if chosen:
        options["model"] = chosen
    if vendor == "openai":
        options["dialect"] = "openai"
    return {"provider": vendor, "options": options}


def make_services(addresses: VendorAddresses) -> dict[str, Any]:
    """What pipecat's server is told (lab/benchmarks/peers/vendor_services.py)."""
    return {
        "key": KEY,
        "greeting": GREETING,
        "deepgram": addresses.deepgram,
        "openai": addresses.openai,
        "cartesia": f"{addresses.cartesia}/tts/websocket",
        "chat_model": CHAT_MODEL,
    }


def write_json(path: Path, content: dict[str, Any]) -> Path:
    """Writes a file for a server to read; returns its path."""
    path.write_text(json.dumps(content))
    return path
