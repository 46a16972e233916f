"""One session's audio, cut into requests of Azure's recogniser at the positions where a text is asked for; pure.

Only the end of its audio makes the recogniser answer at once, and it takes the next request's audio after the answer.
So audio waits meanwhile. What was sent and not recognised yet is kept: if the service ends a request by itself, or the
connection is replaced, it is sent again.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from media.providers.vendors.azure_listen_wire import make_wav_header
from media.providers.vendors.azure_messages import WAV, make_audio, make_text
from shared.g711 import BYTES_PER_MS

# The official SDKs' message: 100 ms. The service takes 8 KB at most.
CHUNK_BYTES: Final = 800
MOST_BYTES: Final = 8_000
# So much that was not recognised is kept; a phrase of the service is shorter.
MOST_KEPT_BYTES: Final = 60_000 * BYTES_PER_MS
# Hypotheses come about each 300 ms: audio that is older than this, and has none, has no words.
SUPPOSED_BYTES: Final = 5_000 * BYTES_PER_MS


@dataclass(slots=True)
class _Request:
    """sent_from: position of `sent`, the audio of the request that no phrase covers. began: position of its first
    audio. end: where a text was asked for; None while more audio follows."""

    request_id: str
    began: int
    sent_from: int
    sent: bytearray = field(default_factory=bytearray)
    end: int | None = None


@dataclass(frozen=True, slots=True)
class EndedRequest:
    """A request that the service has ended. position_ms: up to which it was asked for a text; None: it ended by itself.
    length_ms: of its audio."""

    position_ms: float | None
    length_ms: float


class AudioRequests:
    """Positions are bytes of the session's audio. context: body of `speech.context`. make_id: a new id of a request at
    each call. send_text, send_binary: to the current connection."""

    def __init__(
        self,
        context: bytes,
        make_id: Callable[[], str],
        send_text: Callable[[bytes], None],
        send_binary: Callable[[bytes], None],
    ) -> None:
        self._context = context
        self._make_id = make_id
        self._send_text, self._send_binary = send_text, send_binary
        self._request: _Request | None = None
        self._waiting = bytearray()
        self._waiting_from = 0
        self._ends: deque[int] = deque()  # positions of texts that are to be asked for

    @property
    def position_ms(self) -> float:
        """All audio so far."""
        return self._position / BYTES_PER_MS

    @property
    def is_asked(self) -> bool:
        """Whether the service owes a text."""
        return self._request is not None and self._request.end is not None

    @property
    def began_ms(self) -> float:
        """Where the request's audio begins."""
        return self._request.began / BYTES_PER_MS if self._request is not None else 0.0

    def is_current(self, request_id: str) -> bool:
        """Whether a message belongs to the request that runs."""
        return self._request is not None and self._request.request_id == request_id

    def push(self, ulaw: bytes) -> None:
        """Sends the audio, or keeps it until the service takes it."""
        self._waiting += ulaw
        self._send()

    def ask(self) -> bool:
        """Asks for the text of all audio. False: there is nothing that the service has not answered."""
        if self._request is None and not self._waiting:
            return False
        is_asked_already = self._position in self._ends or (self.is_asked and not self._waiting)
        if not is_asked_already:
            self._ends.append(self._position)
            self._send()
        return True

    def recognise(self, until_ms: float) -> None:
        """Audio up to this position is recognised for good."""
        if self._request is None:
            return
        self._drop(self._request, round(until_ms * BYTES_PER_MS) - self._request.sent_from)

    def end(self) -> EndedRequest | None:
        """The service has ended the request; the next one begins."""
        request = self._request
        if request is None:
            return None
        length_ms = (request.sent_from + len(request.sent) - request.began) / BYTES_PER_MS
        if request.end is None:
            self._take_back(request)
            return EndedRequest(None, length_ms)
        self._request = None
        return EndedRequest(request.end / BYTES_PER_MS, length_ms)

    def resume(self) -> None:
        """Sends what waits."""
        self._send()

    def flush(self) -> None:
        """Sends what is less than a chunk, unless the service owes a text."""
        if self._request is not None and self._request.end is None and self._waiting and not self._ends:
            self._send_audio(self._request, len(self._waiting))

    def restart(self) -> None:
        """The connection is another one: what the old one has not recognised is sent again. Not while it supposes a
        word: so the latest audio is enough."""
        if self._request is not None:
            self._drop(self._request, len(self._request.sent) - SUPPOSED_BYTES)
            self._take_back(self._request)
        self._send()

    @property
    def is_stuck(self) -> bool:
        """Whether more audio waits for the service than it could still be told in time."""
        return len(self._waiting) > MOST_KEPT_BYTES

    @property
    def _position(self) -> int:
        return self._waiting_from + len(self._waiting)

    def _take_back(self, request: _Request) -> None:
        self._waiting[:0] = request.sent
        self._waiting_from -= len(request.sent)
        if request.end is not None:
            self._ends.appendleft(request.end)
        self._request = None

    def _send(self) -> None:
        """Sends whole chunks, or what is left before the end of a request."""
        if self.is_asked:
            return
        end = self._ends[0] if self._ends else None
        length = len(self._waiting) if end is None else end - self._waiting_from
        if end is None and length < CHUNK_BYTES:
            return
        request = self._request or self._begin()
        self._send_audio(request, length)
        if end is not None:
            self._ends.popleft()
            request.end = end
            self._send_binary(make_audio(request.request_id, b""))

    def _begin(self) -> _Request:
        request = self._request = _Request(self._make_id(), self._waiting_from, self._waiting_from)
        self._send_text(make_text("speech.context", request.request_id, self._context))
        self._send_binary(make_audio(request.request_id, make_wav_header(), WAV))
        return request

    def _send_audio(self, request: _Request, length: int) -> None:
        """Sends so much of what waits, and keeps it until it is recognised."""
        for at in range(0, length, MOST_BYTES):
            self._send_binary(make_audio(request.request_id, bytes(self._waiting[at : min(length, at + MOST_BYTES)])))
        request.sent += self._waiting[:length]
        del self._waiting[:length]
        self._waiting_from += length
        self._drop(request, len(request.sent) - MOST_KEPT_BYTES)

    @staticmethod
    def _drop(request: _Request, length: int) -> None:
        """Forgets so much of the request's oldest audio; less than 0 is nothing, and more than there is all."""
        dropped = max(0, min(length, len(request.sent)))
        del request.sent[:dropped]
        request.sent_from += dropped
