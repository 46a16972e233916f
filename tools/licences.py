"""The licences of the packages in our images. `python -m tools.licences` lists them and ends with 1 where one is
unknown or not allowed; `--write FILE` writes the list as Markdown. What is allowed, and why, is in tools/licences.toml.

A licence is what the installed package says: its SPDX expression, else its classifiers, else the first words of its
field. An expression is allowed if one side of an OR is, and all sides of an AND.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageMetadata, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
# `local` is the image of the speech engine; it holds the packages of both others.
LOCKS = ("media", "control", "local")


@dataclass(frozen=True, slots=True)
class Policy:
    """allowed: licences by name; aliases: other spellings; packages: licences of those that do not say theirs."""

    allowed: frozenset[str]
    aliases: Mapping[str, str]
    packages: Mapping[str, str]

    def permits(self, licence: str) -> bool:
        """Whether an expression of licences may be shipped. One with parentheses needs its entry in `packages`."""
        return any(
            all(self.aliases.get(part.strip(), part.strip()) in self.allowed for part in choice.split(" AND "))
            for choice in licence.split(" OR ")
        )


def read_policy(path: Path = ROOT / "tools" / "licences.toml") -> Policy:
    """Raises KeyError and tomllib.TOMLDecodeError for a file that is incomplete."""
    text = tomllib.loads(path.read_text())
    stated = {name: entry["licence"] for name, entry in text["packages"].items()}
    return Policy(frozenset(text["allowed"]), text["aliases"], stated)


def locked_packages(lock: str) -> Iterator[tuple[str, str]]:
    """Name and version of each package of a lock that this platform installs."""
    for line in re.findall(r"^[\w.-]+==[^\\\n]+", lock, re.MULTILINE):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            yield requirement.name, str(requirement.specifier).removeprefix("==")


def stated_licence(metadata: PackageMetadata) -> str:
    """What a package says of itself; empty where it says nothing."""
    (expression,) = metadata.get_all("License-Expression") or [""]
    (text,) = metadata.get_all("License") or [""]
    classifiers = [one for one in metadata.get_all("Classifier") or [] if one.startswith("License :: ")]
    named = [one.rpartition(" :: ")[2] for one in classifiers if one.count(" :: ") > 1]
    return str(expression or " AND ".join(named) or text.partition("\n")[0].strip())


def licence_of(name: str, policy: Policy) -> str:
    """The licence of an installed package, or "not installed"."""
    if name in policy.packages:
        return policy.packages[name]
    try:
        return stated_licence(distribution(name).metadata) or "unknown"
    except PackageNotFoundError:
        return "not installed"


def shipped_licences(policy: Policy) -> dict[tuple[str, str], str]:
    """The licence of each package of our images by its name and version."""
    packages = {pair for lock in LOCKS for pair in locked_packages((ROOT / "requirements" / f"{lock}.txt").read_text())}
    return {(name, version): licence_of(name, policy) for name, version in sorted(packages)}


def as_markdown(licences: Mapping[tuple[str, str], str]) -> str:
    """A table of all packages."""
    rows = "".join(f"| {name} | {version} | {licence} |\n" for (name, version), licence in licences.items())
    return f"| package | version | licence |\n| --- | --- | --- |\n{rows}"


def main(arguments: list[str] | None = None) -> int:
    """Returns 1 where a package may not be shipped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="the file for the list")
    target = parser.parse_args(arguments).write
    policy = read_policy()
    licences = shipped_licences(policy)
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(as_markdown(licences))
    refused = {package: licence for package, licence in licences.items() if not policy.permits(licence)}
    for (name, version), licence in refused.items():
        print(f"{name} {version}: {licence}", file=sys.stderr)
    print(f"{len(licences)} packages, {len(refused)} with a licence that is unknown or not allowed")
    return int(bool(refused))


if __name__ == "__main__":
    sys.exit(main())
