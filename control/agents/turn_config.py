"""The part of an agent's config that says when it answers, and how callers interrupt it."""

from typing import Annotated

from pydantic import Field

from control.agents.config_part import ConfigPart
from control.platform.union_errors import SingleUnionError
from shared.plan import BargeIn, Patience


class Turn(ConfigPart):
    """Turn-taking."""

    silence_ms: int = Field(
        default=600,
        ge=100,
        le=5_000,
        description="Milliseconds of silence, from the true end of the caller's speech, that end the caller's turn. "
        "With adaptive, 600 is the default, and another value scales the silences that the agent chooses: 300 halves "
        "them.",
        examples=[600],
    )
    adaptive: bool = Field(
        default=True,
        description="Choose each silence by what the caller says: short if the words are complete, long if they are "
        "not, or while a number or an e-mail address is dictated.",
    )
    patience: Patience = Field(
        default="normal",
        description="How much worse it is to interrupt a caller than to answer late. quick: less than normal; patient: "
        "more. Needs adaptive.",
    )
    barge_in: Annotated[bool | BargeIn, SingleUnionError('true, false, "off", "polite" or "eager"')] = Field(
        default=True,
        description="How callers interrupt the agent. polite (or true): speech that may be a nod only lowers it for "
        "500 ms. eager: any speech silences it at once. off (or false): not at all.",
        examples=["polite"],
    )
    min_words: int = Field(
        default=1, ge=1, le=10, description="Words that make an interruption; 'mm-hm' does not count.", examples=[1]
    )
    smart_turn: bool = Field(default=False, description="Ask a model at each pause whether the caller is done.")
    speculate: bool = Field(
        default=True,
        description="Ask for the answer up to 600 ms before the caller's turn ends, and drop it if the caller goes on. "
        "Dropped answers are paid for.",
    )
