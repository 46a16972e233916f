"""What callers and agents say in calls with simulated vendors, how long the vendors take, and what servers are told."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.clip import Phrase
from benchmarks.delays import PLAN, Delays, read_delays

# Two sentences: pipecat gives its voice whole ones.
ANSWER = "Thank you for calling. I can certainly help you with that today."
GREETING = "Hello. How can I help you?"
KEY = "simulated-vendor-key"
CHAT_MODEL = "gpt-4.1-mini"


class VendorAddresses(msgspec.Struct, frozen=True):
    """Where the simulated vendors listen. authority: PEM file that servers have to trust."""

    authority: str
    deepgram: str
    openai: str
    cartesia: str


def make_vendor_config(phrase: Phrase, delays: Delays | None = None) -> dict[str, Any]:
    """What the simulated vendors are told; the delays are those of the stand-ins."""
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
    }


def make_plan(addresses: VendorAddresses) -> dict[str, Any]:
    """The call plan of our server: that of the stand-ins, with vendors in their place and a greeting."""
    plan: dict[str, Any] = json.loads(PLAN.read_text())
    plan["agent"]["greeting"] = GREETING
    plan["stt"] = [{"provider": "deepgram", "options": {"api_key": KEY, "base_url": addresses.deepgram}}]
    chat = {"model": CHAT_MODEL, "api_key": KEY, "base_url": addresses.openai, "dialect": "openai"}
    plan["llm"] = [{"provider": "openai", "options": chat}]
    plan["tts"] = [{"provider": "cartesia", "options": {"api_key": KEY, "base_url": addresses.cartesia}}]
    return plan


def make_services(addresses: VendorAddresses) -> dict[str, Any]:
    """What pipecat's server is told (benchmarks/peers/vendor_services.py)."""
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
