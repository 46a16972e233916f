"""The result of a run: every case of every family, and how it was made."""

import msgspec

from lab.listening.clips import SetName
from lab.listening.dictations import DictationCase
from lab.listening.hesitations import HesitationCase
from lab.listening.natural.cases import NaturalCase
from lab.listening.overlaps import OverlapCase
from lab.listening.pauses import PauseCase
from lab.listening.rooms import HeardCase, NoiseCase
from lab.listening.short_requests import ShortRequestCase


class ListeningRun(msgspec.Struct):
    """set: of clips. llm_ms, tts_ms: delays of the model and the voice. silence_ms, smart_turn: of the agent's plan.
    teacher: whether the language model was asked besides. every: only every so many-th clip. code: its version. done:
    families that were run. The rest are their cases."""

    set: SetName
    llm_ms: int
    tts_ms: int
    silence_ms: int
    smart_turn: bool
    teacher: bool = False
    every: int = 1
    code: str = ""
    done: list[str] = []
    pauses: list[PauseCase] = []
    turns: list[PauseCase] = []
    natural_turns: list[NaturalCase] = []
    natural_pauses: list[NaturalCase] = []
    natural_calls: list[NaturalCase] = []
    hesitations: list[HesitationCase] = []
    nods: list[OverlapCase] = []
    interruptions: list[OverlapCase] = []
    eager_nods: list[OverlapCase] = []
    eager_interruptions: list[OverlapCase] = []
    far_voices: list[OverlapCase] = []
    noises: list[OverlapCase] = []
    babble: list[HeardCase] = []
    noise: list[NoiseCase] = []
    quiet: list[HeardCase] = []
    dictations: list[DictationCase] = []
    short_requests: list[ShortRequestCase] = []

    @property
    def setup(self) -> tuple[object, ...]:
        """What makes the cases of two runs comparable as one."""
        plan = (self.llm_ms, self.tts_ms, self.silence_ms, self.smart_turn, self.teacher)
        return (self.set, self.every, self.code, *plan)
