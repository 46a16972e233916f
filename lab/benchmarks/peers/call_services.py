"""The three services of one pipecat pipeline, stand-ins or pipecat's own."""

from dataclasses import dataclass

from pipecat.processors.frame_processor import FrameProcessor


@dataclass(frozen=True, slots=True)
class CallServices:
    """The services of one call. greeting: said at its start, empty for none."""

    stt: FrameProcessor
    llm: FrameProcessor
    tts: FrameProcessor
    greeting: str = ""
