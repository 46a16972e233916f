"""The families of calls, by name, and how each is run."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from lab.listening.clips import NODS, NOISES, TURNS, Clip, ClipAudio, SetName, read_clips
from lab.listening.dictations import run_dictations
from lab.listening.hesitations import run_hesitations
from lab.listening.natural.cases import NaturalCase
from lab.listening.natural.families import run_natural_calls, run_natural_pauses, run_natural_turns
from lab.listening.overlaps import FAR_DB, NOD_MOMENTS, OverlapCase, run_overlaps
from lab.listening.pauses import run_pauses
from lab.listening.results import ListeningRun
from lab.listening.rooms import run_babble, run_noise, run_quiet
from lab.listening.short_requests import read_requests, run_short_requests
from lab.listening.virtual_call import CallSetup, ListeningEngines


@dataclass(frozen=True, slots=True)
class FamilyInput:
    """What a family is run with."""

    result: ListeningRun
    audio: ClipAudio
    setup: CallSetup
    engines: ListeningEngines

    def clips(self, share: int = 1) -> list[Clip]:
        """Every `share`-th of the set's clips; fewer where fewer are wanted."""
        return read_clips(self.result.set)[:: self.result.every * share]

    def turns(self) -> list[Clip]:
        """The set's short turns."""
        return read_clips(self.result.set, TURNS)[:: self.result.every]

    @property
    def eager(self) -> CallSetup:
        """As `setup`, of an agent that any speech silences at once."""
        return replace(self.setup, turn=msgspec.structs.replace(self.setup.turn, barge_in="eager"))

    def nods(self) -> list[Clip]:
        """The set's nods."""
        return read_clips(self.result.set, NODS)[:: self.result.every]

    def noises(self) -> list[Clip]:
        """The set's sound effects."""
        return read_clips(self.result.set, NOISES)[:: self.result.every]


TOLD_CASES: Final = 50

# A family, how many cases of it there are so far, and the seconds that they took.
Tell = Callable[[str, int, float], None]
NaturalRunner = Callable[[SetName, CallSetup, ListeningEngines, int], Iterator[NaturalCase]]
Runner = Callable[[FamilyInput], Iterator[msgspec.Struct]]
# By the name of the field of `ListeningRun` that takes the cases.
FAMILIES: Final[dict[str, Runner]] = {
    "pauses": lambda given: run_pauses(given.clips(), given.audio, given.setup, given.engines),
    "turns": lambda given: run_pauses(given.turns(), given.audio, given.setup, given.engines),
    "natural_turns": lambda given: _run_natural(given, run_natural_turns),
    "natural_pauses": lambda given: _run_natural(given, run_natural_pauses),
    "natural_calls": lambda given: _run_natural(given, run_natural_calls),
    "hesitations": lambda given: run_hesitations(given.clips(), given.audio, given.setup, given.engines),
    "nods": lambda given: _run_nods(given, given.setup),
    "interruptions": lambda given: run_overlaps(given.clips(), given.audio, given.setup, given.engines),
    "eager_nods": lambda given: _run_nods(given, given.eager),
    "eager_interruptions": lambda given: run_overlaps(given.clips(), given.audio, given.eager, given.engines),
    "far_voices": lambda given: run_overlaps(given.clips(2), given.audio, given.setup, given.engines, below_db=FAR_DB),
    "noises": lambda given: run_overlaps(given.noises(), given.audio, given.setup, given.engines),
    "babble": lambda given: run_babble(given.clips(), given.audio, given.setup, given.engines),
    "noise": lambda given: run_noise(given.setup, given.engines),
    "quiet": lambda given: run_quiet(given.clips(4), given.audio, given.setup, given.engines),
    "dictations": lambda given: run_dictations(given.setup, given.engines),
    "short_requests": lambda given: run_short_requests(
        read_requests(given.result.set)[:: given.result.every], given.setup, given.engines
    ),
}


def _run_nods(given: FamilyInput, setup: CallSetup) -> Iterator[OverlapCase]:
    return run_overlaps(given.nods(), given.audio, setup, given.engines, moments=NOD_MOMENTS)


def _run_natural(given: FamilyInput, run: NaturalRunner) -> Iterator[NaturalCase]:
    return run(given.result.set, given.setup, given.engines, given.result.every)


def run_families(names: Sequence[str], given: FamilyInput, tell: Tell = lambda name, count, seconds: None) -> None:
    """Runs families that are not done yet, and puts their cases into the result. tell: is told the progress, and at a
    family's end that it is done. Raises SourceError, SpeechModelError."""
    result = given.result
    for name in names:
        if name in result.done:
            continue
        cases, began = list[msgspec.Struct](), time.monotonic()
        for case in FAMILIES[name](given):
            cases.append(case)
            if not len(cases) % TOLD_CASES:
                tell(name, len(cases), time.monotonic() - began)
        setattr(result, name, cases)
        result.done.append(name)
        tell(name, len(cases), time.monotonic() - began)
