"""Dockerfiles as data, as much of their language as ours use."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: its word in capitals, and the rest of its line, continuation lines joined."""

    word: str
    rest: str

    @property
    def flags(self) -> dict[str, str]:
        """--name=value words before the rest."""
        return dict(re.findall(r"--([a-z-]+)=(\S+)", self.rest.partition(" /")[0].partition(" [")[0]))

    @property
    def paths(self) -> list[str]:
        """Of a COPY: its sources, and the target last."""
        return [word for word in self.rest.split() if not word.startswith("--")]


@dataclass(frozen=True, slots=True)
class Stage:
    """What begins with FROM."""

    name: str
    base: str
    steps: tuple[Step, ...]

    def all(self, word: str) -> list[Step]:
        """Its instructions of one kind, in their order."""
        return [step for step in self.steps if step.word == word]

    def last(self, word: str) -> str:
        """The rest of the last such instruction. Raises IndexError when there is none."""
        return self.all(word)[-1].rest

    def command(self, word: str) -> list[str]:
        """An ENTRYPOINT, CMD or HEALTHCHECK in its list form."""
        found: list[str] = json.loads(self.last(word)[self.last(word).index("[") :])
        return found

    @property
    def environment(self) -> dict[str, str]:
        """All of its ENV."""
        return dict(pair for step in self.all("ENV") for pair in re.findall(r"(\w+)=(\S+)", step.rest))


def read_dockerfile(path: Path, arguments: Mapping[str, str] | None = None) -> list[Stage]:
    """Its stages, the image itself last. arguments: build arguments; others have what their ARG says, in its stage."""
    stages: list[Stage] = []
    given: dict[str, str] = {}
    for step in _steps(path.read_text()):
        if step.word == "FROM":
            base, _, name = step.rest.partition(" AS ")
            stages.append(Stage(name, base, ()))
            given = {}
        elif step.word == "ARG":
            name, _, value = step.rest.partition("=")
            given[name] = (arguments or {}).get(name, value)
        else:
            last = stages.pop()
            stages.append(Stage(last.name, last.base, (*last.steps, _filled_in(step, given))))
    return stages


def _filled_in(step: Step, given: Mapping[str, str]) -> Step:
    return Step(step.word, re.sub(r"\$\{(\w+)\}", lambda found: given.get(found[1], found[0]), step.rest))


def _steps(text: str) -> Iterator[Step]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, _, rest = line.partition(" ")
        yield Step(word, rest.strip())
