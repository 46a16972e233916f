"""The page docs/evidence/listening.md: the tables of runs, the picture, and how they were made."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, get_args

from lab.listening.clips import NODS, Clip, SetName, read_clips
from lab.listening.outside_scores import OutsideScore
from lab.listening.peers import PeerCase
from lab.listening.plot import draw, name_of
from lab.listening.results import ListeningRun
from lab.listening.sources import SOURCES
from lab.listening.summary import peer_table, score_table, tables

_METHOD: Final = Path(__file__).parent / "method.md"
_HEAD: Final = """# Listening

How the call takes turns with recorded human callers: whom it cuts off, whom it lets wait, what stops it, and what
it does not hear. Written by `make listen`; don't edit.

![Cuts and response times](listening.png)
"""


def write(
    runs: Sequence[ListeningRun],
    folder: Path,
    scores: Sequence[OutsideScore] = (),
    peers: Sequence[PeerCase] = (),
) -> Path:
    """Writes listening.md and listening.png; returns the page's path. scores: of the tool that is not ours. peers:
    other servers' calls."""
    folder.mkdir(parents=True, exist_ok=True)
    draw(runs, folder / "listening.png")
    page = folder / "listening.md"
    page.write_text("\n".join(_lines(runs, scores, peers)) + "\n", encoding="utf-8")
    return page


def _lines(runs: Sequence[ListeningRun], scores: Sequence[OutsideScore], peers: Sequence[PeerCase]) -> Iterator[str]:
    yield _HEAD
    for run in runs:
        title = name_of(run)
        yield f"## {title[0].upper()}{title[1:]}\n"
        yield from tables(run)
        yield ""
    if scores:
        yield "## Scored by a tool that is not ours\n"
        yield from score_table(scores)
        yield ""
    if peers:
        yield "## Other servers, in real time\n"
        yield from peer_table(peers)
        yield ""
    yield _METHOD.read_text(encoding="utf-8").rstrip()
    yield ""
    yield from _recordings(read_clips(), read_clips(path=NODS))


def _recordings(clips: Sequence[Clip], nods: Sequence[Clip]) -> Iterator[str]:
    yield "| package | version | what | license of the recordings | clips | nods |"
    yield "| --- | --- | --- | --- | --- | --- |"
    of_clips, of_nods = (Counter(clip.source for clip in some) for some in (clips, nods))
    for source in SOURCES:
        yield (
            f"| {source.name} | {source.version} | {source.content} | {source.license} "
            f"| {of_clips[source.name]} | {of_nods[source.name]} |"
        )
    yield f"| `jfk.flac` in the tree | - | a speech of 1961 | public domain | {of_clips['jfk']} | 0 |"
    yield ""
    yield "| set | clips | speakers | word boundaries | nods | scenes of nods |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name in get_args(SetName):
        some, short = ([clip for clip in which if clip.set == name] for which in (clips, nods))
        speakers, scenes = (len({clip.speaker for clip in which}) for which in (some, short))
        boundaries = sum(len(clip.boundaries) for clip in some)
        yield f"| {name} | {len(some)} | {speakers} | {boundaries} | {len(short)} | {scenes} |"
