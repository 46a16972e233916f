"""What sessions of Deepgram's Nova and Flux need: rules, and a reader of each protocol's messages."""

from typing import Final

from media.providers.recogniser_dialect import ListenRules
from media.providers.vendors.deepgram_wire import ListenProtocol, map_close
from shared.providers.segments import TranscribedResult

# The vendor asks for a KeepAlive every 3 to 5 s and ends a session after 10 s without audio (NET-0001). Two of these
# checks pass at most before one is sent.
KEEP_ALIVE_S: Final = 2.5
CLOSE_STREAM: Final = '{"type":"CloseStream"}'


def make_rules(protocol: ListenProtocol) -> ListenRules:
    """Nothing of a chunk stays behind: an empty message, which would end the stream, is never sent."""
    return ListenRules(
        make_closed=map_close,
        chunk_bytes=protocol.chunk_bytes,
        keep_alive=protocol.keep_alive,
        keep_alive_s=KEEP_ALIVE_S,
        close_message=CLOSE_STREAM,
    )


class DeepgramReader:
    """Reads the messages of one session; the vendor greets nobody."""

    is_ready: Final = True

    def __init__(self, provider: str, protocol: ListenProtocol) -> None:
        self._provider = provider
        self._protocol = protocol

    def finalise(self, position_ms: float) -> str:
        """The message that asks for the final text."""
        return self._protocol.finalise

    def read(self, message: bytes) -> TranscribedResult | None:
        """None for a message without a text. Raises ProviderError."""
        return self._protocol.read(self._provider, message)

    def expire(self, position_ms: float) -> TranscribedResult | None:
        """None: the vendor tells what audio without speech is."""
