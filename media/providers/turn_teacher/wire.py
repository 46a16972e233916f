"""Messages between the teacher's process and its clients."""

from typing import Literal

import msgspec
from msgspec import Struct


class Judge(Struct, frozen=True, tag=True):
    """Requests the probability that a caller's turn ends after these words."""

    id: int
    text: str


class Judged(Struct, frozen=True, tag=True):
    """Answers Judge. probability: 0-1."""

    id: int
    probability: float


class JudgeRefusal(Struct, frozen=True, tag=True):
    """full: the queue is. late: the request waited for longer than its caller does. failed: the model failed."""

    id: int
    kind: Literal["full", "late", "failed"]


JudgeAnswer = Judged | JudgeRefusal


def make_judge_decoder() -> msgspec.msgpack.Decoder[Judge]:
    """The decoder for `receive_message` in the teacher's process."""
    return msgspec.msgpack.Decoder(Judge)


def make_judge_answer_decoder() -> msgspec.msgpack.Decoder[JudgeAnswer]:
    """The decoder for `receive_message` in a client."""
    return msgspec.msgpack.Decoder(JudgeAnswer)
