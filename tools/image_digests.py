"""Pins the images that others publish: `python -m tools.image_digests` writes each tag's digest of today behind it,
`--check` only tells which tags have moved. Needs the Docker client with buildx, which asks the registry.

A new digest under the same tag is a patched build of it. New tags are chosen by hand, with their release notes.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 60
# name:tag, and the digest behind it, if any; after FROM or image:.
_IMAGE = re.compile(
    r"^(?P<before>FROM |\s*(?:- )?image: )(?P<tag>[\w./-]+(?::[\w.-]+)?)(?P<digest>@sha256:[0-9a-f]{64})?(?=\s|$)", re.M
)


def files(root: Path = ROOT) -> list[Path]:
    """The files that name images."""
    return [*sorted(root.glob("Dockerfile.*")), *sorted((root / "deploy").rglob("*.yaml"))]


def images(text: str) -> Iterator[tuple[str, str | None]]:
    """Tag and digest of each image of others that a file names; a stage of the same Dockerfile is none."""
    for found in _IMAGE.finditer(text):
        if not found["tag"].startswith("vocalized-"):
            yield found["tag"], found["digest"] and found["digest"][1:]


def pin(text: str, digests: Mapping[str, str]) -> str:
    """The text with each of these tags at its digest."""
    return _IMAGE.sub(
        lambda found: (
            f"{found['before']}{found['tag']}@{digests[found['tag']]}" if found["tag"] in digests else found[0]
        ),
        text,
    )


def current_digest(tag: str) -> str:
    """The digest of a tag's list of platforms. Raises RuntimeError with the client's own words."""
    command = ["docker", "buildx", "imagetools", "inspect", tag, "--format", "{{.Manifest.Digest}}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    digest = done.stdout.strip()
    if done.returncode or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise RuntimeError(f"{tag}: {done.stderr.strip() or 'no digest'}")
    return digest


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Returns 1 where `--check` finds a tag that moved or a digest that is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args(arguments).check
    texts = {path: path.read_text() for path in files(root)}
    pinned = {image for text in texts.values() for image in images(text)}
    digests = {tag: current_digest(tag) for tag, _ in sorted(pinned, key=str)}
    moved = sorted({tag for tag, digest in pinned if digests[tag] != digest})
    for tag in moved:
        print(f"{tag} is now {digests[tag]}")
    if not check:
        for path, text in texts.items():
            path.write_text(pin(text, digests))
    return int(check and bool(moved))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        sys.exit(str(error))
