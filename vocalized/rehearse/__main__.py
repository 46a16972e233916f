"""`python -m vocalized.rehearse [SCENE…]`: plays scenes, prints what was found; all together write docs/stack.md."""

import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import uvloop

from simulator.carrier.prepare import Performance
from vocalized.rehearse.callers import rehearsed
from vocalized.rehearse.report import page, table
from vocalized.rehearse.scenes import Row, full_house, greeting, lost_node, outages
from vocalized.rehearse.stage import Shape, Stage, staged

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "stack.md"


@dataclass(frozen=True, slots=True)
class Scene:
    """turns: of each caller."""

    title: str
    shape: Shape
    turns: int
    play: Callable[[Stage, Sequence[Performance]], Awaitable[list[Row]]]


SCENES: Final = {
    "greeting": Scene("Webhook to greeting", Shape(nodes=1), 0, greeting),
    "house": Scene("200 calls at once", Shape(nodes=1), 8, full_house),
    "outages": Scene("Redis, PostgreSQL and the worker away", Shape(nodes=1, recorded=True), 15, outages),
    "node": Scene("A media node killed", Shape(nodes=2, recorded=True), 8, lost_node),
}


def main(names: Sequence[str]) -> int:
    """0 when everything that is demanded was met, 2 for a scene that there is not."""
    unknown = [name for name in names if name not in SCENES]
    if unknown:
        print(f"no scene named {', '.join(unknown)}; there are {', '.join(SCENES)}", file=sys.stderr)
        return 2
    told: dict[str, list[Row]] = {}
    for name in names or SCENES:
        scene = SCENES[name]
        print(f"\n{scene.title}", flush=True)
        begun = time.monotonic()
        told[scene.title] = uvloop.run(_played(scene, _folder()))
        print(table(told[scene.title]))
        print(f"({time.monotonic() - begun:.0f} s)", flush=True)
    if len(told) == len(SCENES):
        PAGE.write_text(page(told))
    return 0 if all(row.good is not False for rows in told.values() for row in rows) else 1


def _folder() -> Path:
    """Short, and open to the database's own user."""
    folder = Path(mkdtemp(prefix="vocalized-rehearsal-", dir="/tmp"))
    folder.chmod(0o711)
    return folder


async def _played(scene: Scene, folder: Path) -> list[Row]:
    words = await rehearsed(ROOT, scene.turns) if scene.turns else ()
    print(f"  logs and state: {folder}", flush=True)
    async with staged(ROOT, folder, scene.shape) as stage:
        return await scene.play(stage, words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
