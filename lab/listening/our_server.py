"""Our media server as a process that callers reach over its socket: the program as it ships, with the local recognizer
and a plan whose silence is adaptive. Its model and its voice are stand-ins with the delays of the other servers'."""

from dataclasses import replace
from pathlib import Path

import msgspec

from lab.benchmarks.server import OURS, Contender
from shared.plan import AgentPlan, CallPlan, ProviderPlan

FIRST_TOKEN_MS, FIRST_BYTE_MS, SPEECH_MS = 200, 80, 2_500


def our_server(
    folder: Path,
    *,
    greeting: str = "",
    speech_ms: int = SPEECH_MS,
    recording: bool = False,
    recognizer: str = "local",
) -> Contender:
    """The server, with its plan and its state in this folder. speech_ms: how long whatever the agent says takes."""
    plan = CallPlan(
        agent=AgentPlan(name="Front desk", greeting=greeting, prompt="You answer the telephone.", language="en"),
        stt=[ProviderPlan(recognizer)],
        llm=[ProviderPlan("standin", options={"first_token_ms": FIRST_TOKEN_MS})],
        tts=[ProviderPlan("standin", options={"first_byte_ms": FIRST_BYTE_MS, "audio_ms": speech_ms})],
        recording=recording,
    )
    path = folder / "plan.json"
    path.write_bytes(msgspec.json.encode(plan))
    arguments = ("-m", "media", "--port", "{port}", "--plan", str(path), "--state", str(folder / "state"))
    return replace(OURS, arguments=arguments)
