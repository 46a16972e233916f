"""The licenses of the packages in our images. `python -m tools.licenses` lists them and ends with 1 where one is
unknown or not allowed; `--write FILE` writes the list as Markdown. What is allowed, and why, is in tools/licences.toml.

A license is what the installed package says: its SPDX expression, else its classifiers, else the first words of its
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
    """allowed: licenses by name; aliases: other spellings; packages: licenses of those that do not say theirs."""

    allowed: frozenset[str]
    aliases: Mapping[str, str]
    packages: Mapping[str, str]

    def permits(self, license: str) -> bool:
        """Whether an expression of licenses may be shipped. One with parentheses needs its entry in `packages`."""
        return any(
            all(self.aliases.get(part.strip(), part.strip()) in self.allowed for part in choice.split(" AND "))
            for choice in license.split(" OR ")
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


def stated_license(metadata: PackageMetadata) -> str:
    """What a package says of itself; empty where it says nothing."""
    (expression,) = metadata.get_all("License-Expression") or [""]
    (text,) = metadata.get_all("License") or [""]
    classifiers = [one for one in metadata.get_all("Classifier") or [] if one.startswith("License :: ")]
    named = [classifier.rpartition(" :: ")[2] for classifier in classifiers if classifier.count(" :: ") > 1]
    return str(expression or " AND ".join(named) or text.partition("\n")[0].strip())


def license_of(name: str, policy: Policy) -> str:
    """The license of an installed package, or "not installed"."""
    if name in policy.packages:
        return policy.packages[name]
    try:
        return stated_license(distribution(name).metadata) or "unknown"
    except PackageNotFoundError:
        return "not installed"


def shipped_licenses(policy: Policy) -> dict[tuple[str, str], str]:
    """The license of each package of our images by its name and version."""
    packages = {pair for lock in LOCKS for pair in locked_packages((ROOT / "requirements" / f"{lock}.txt").read_text())}
    return {(name, version): license_of(name, policy) for name, version in sorted(packages)}


def as_markdown(licenses: Mapping[tuple[str, str], str]) -> str:
    """A table of all packages."""
    rows = "".join(f"| {name} | {version} | {license} |\n" for (name, version), license in licenses.items())
    return f"| package | version | license |\n| --- | --- | --- |\n{rows}"


def main(arguments: list[str] | None = None) -> int:
    """Returns 1 where a package may not be shipped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="the file for the list")
    target = parser.parse_args(arguments).write
    policy = read_policy()
    licenses = shipped_licenses(policy)
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(as_markdown(licenses))
    refused = {package: license for package, license in licenses.items() if not policy.permits(license)}
    for (name, version), license in refused.items():
        print(f"{name} {version}: {license}", file=sys.stderr)
    print(f"{len(licenses)} packages, {len(refused)} with a license that is unknown or not allowed")
    return int(bool(refused))


if __name__ == "__main__":
    sys.exit(main())
