"""Makes the completeness model anew, or measures it.

python -m tools.completeness label             the teacher's labels: data/teacher.tsv.xz (5 minutes of a core)
python -m tools.completeness train [FILE]      the model: media/turn/data/completeness_en.npz (half a minute)
python -m tools.completeness evaluate [FILE]   its figures beside the teacher's
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from media.turn.completeness import COMPLETENESS_EN
from tools.completeness.evaluation import print_figures
from tools.completeness.recipe import Recipe, label_corpus, train_model

COMMANDS: dict[str, Callable[[Path], None]] = {
    "label": lambda _: label_corpus(),
    "train": lambda path: print(train_model(path, Recipe())),
    "evaluate": print_figures,
}
# OpenBLAS adds in another order with other numbers of threads, and with the kernels of another processor: the last bits
# of sums differ, and 4,000 steps later the file. It reads both when numpy is imported.
SUM_ORDER: Final = {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Haswell"}


def main() -> None:
    if not SUM_ORDER.items() <= os.environ.items():
        again = [sys.executable, "-m", "tools.completeness", *sys.argv[1:]]
        os.execve(sys.executable, again, os.environ | SUM_ORDER)
    command, *rest = sys.argv[1:] or ["help"]
    if command not in COMMANDS or len(rest) > 1:
        sys.exit(__doc__)
    COMMANDS[command](Path(rest[0]) if rest else COMPLETENESS_EN)


if __name__ == "__main__":
    main()
