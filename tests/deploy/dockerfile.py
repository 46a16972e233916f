"""Parses Dockerfiles, as far as ours use the language."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: its keyword in capitals, and its arguments as one line."""

    keyword: str
    arguments: str

    @property
    def flags(self) -> dict[str, str]:
        """The options --name=value before the other arguments."""
        return dict(re.findall(r"--([a-z-]+)=(\S+)", self.arguments.partition(" /")[0].partition(" [")[0]))

    @property
    def paths(self) -> list[str]:
        """The sources of a COPY, then its target."""
        return [word for word in self.arguments.split() if not word.startswith("--")]


@dataclass(frozen=True, slots=True)
class Stage:
    """A build stage."""

    name: str
    base: str
    steps: tuple[Step, ...]

    def steps_with(self, keyword: str) -> list[Step]:
        """The instructions of one kind, in order."""
        return [step for step in self.steps if step.keyword == keyword]

    def last_arguments(self, keyword: str) -> str:
        """The arguments of the last such instruction. Raises IndexError when there is none."""
        return self.steps_with(keyword)[-1].arguments

    def command_of(self, keyword: str) -> list[str]:
        """An ENTRYPOINT, CMD or HEALTHCHECK in its list form."""
        found: list[str] = json.loads(self.last_arguments(keyword)[self.last_arguments(keyword).index("[") :])
        return found

    @property
    def environment(self) -> dict[str, str]:
        """All variables set by ENV."""
        return dict(pair for step in self.steps_with("ENV") for pair in re.findall(r"(\w+)=(\S+)", step.arguments))


def read_dockerfile(path: Path, arguments: Mapping[str, str] | None = None) -> list[Stage]:
    """The stages, the image itself last. arguments: build arguments; others have the default of their ARG."""
    stages: list[Stage] = []
    defaults: dict[str, str] = {}
    for step in _steps(path.read_text()):
        if step.keyword == "FROM":
            base, _, name = step.arguments.partition(" AS ")
            stages.append(Stage(name, base, ()))
            defaults = {}
        elif step.keyword == "ARG":
            name, _, value = step.arguments.partition("=")
            defaults[name] = (arguments or {}).get(name, value)
        else:
            last = stages.pop()
            stages.append(Stage(last.name, last.base, (*last.steps, _filled_in(step, defaults))))
    return stages


def _filled_in(step: Step, defaults: Mapping[str, str]) -> Step:
    return Step(step.keyword, re.sub(r"\$\{(\w+)\}", lambda found: defaults.get(found[1], found[0]), step.arguments))


def _steps(text: str) -> Iterator[Step]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        keyword, _, rest = line.partition(" ")
        yield Step(keyword, rest.strip())
