"""Messages between the teacher's process and its clients."""

from typing import Literal

import msgspec
from msgspec import Struct


class Judge(Struct, frozen=True, tag=True):
    """A request for the probability that a caller's turn ends after these words."""

    id: int
    text: str


class Judged(Struct, frozen=True, tag=True):
    """The answer to Judge.

    Attributes:
        probability: The probability, 0 to 1.
    """

    id: int
    probability: float


class JudgeRefusal(Struct, frozen=True, tag=True):
    """The refusal of a request.

    Attributes:
        kind: "full" if the queue is full, "late" if the request waited longer than its deadline, "failed" if the model
            failed.
    """

    id: int
    kind: Literal["full", "late", "failed"]


JudgeAnswer = Judged | JudgeRefusal


def make_judge_decoder() -> msgspec.msgpack.Decoder[Judge]:
    """Return the decoder for `receive_message` in the teacher's process."""
    return msgspec.msgpack.Decoder(Judge)


def make_judge_answer_decoder() -> msgspec.msgpack.Decoder[JudgeAnswer]:
    """Return the decoder for `receive_message` in a client."""
    return msgspec.msgpack.Decoder(JudgeAnswer)
