"""Builds the site with the packages of requirements/guide.txt. Exit code 1: a link is dead, or Sphinx failed."""

import argparse
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sphinx.cmd.build import build_main  # type: ignore[import-not-found]

from tools.guide.pages import ROOT, copy_pages

# The theme sets the color scheme by a script in each page, which the policy of control forbids.
_INLINE_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_SCRIPT_FILE: Final = "start.js"
# What axe-core finds in the theme: headings without a level, and blocks of code that a keyboard cannot scroll.
_COMPLETED: Final = (('role="heading">', 'role="heading" aria-level="2">'), ("<pre>", '<pre tabindex="0">'))
# Sphinx also writes files for itself, which no page loads.
SERVED: Final = (".html", ".css", ".js", ".svg", ".png")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.guide", description="Builds the documents as a static site.")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "var" / "guide", metavar="FOLDER", help="default: var/guide"
    )
    output: Path = parser.parse_args(arguments).output
    with TemporaryDirectory() as folder:
        pages, site = Path(folder, "pages"), Path(folder, "site")
        copy_pages(pages)
        settings = Path(__file__).parent
        code: int = build_main(["-q", "-W", "--keep-going", "-c", str(settings), str(pages), str(site)])
        if code:
            return code
        finish_pages(site)
        shutil.rmtree(output, ignore_errors=True)
        for path in sorted(site.rglob("*")):
            if path.suffix in SERVED and path.is_file():
                copy = output / path.relative_to(site)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
    print(f"{output}/index.html")
    return 0


def finish_pages(site: Path) -> None:
    """Moves the script that all pages share into a file, and completes attributes for keyboards and screen readers.

    Raises:
        ValueError: The pages have different scripts.
    """
    scripts: set[str] = set()
    for page in sorted(site.rglob("*.html")):
        text = page.read_text()
        scripts.update(_INLINE_SCRIPT.findall(text))
        prefix = "../" * len(page.relative_to(site).parent.parts)
        text = _INLINE_SCRIPT.sub(f'<script src="{prefix}_static/{_SCRIPT_FILE}"></script>', text)
        for old, new in _COMPLETED:
            text = text.replace(old, new)
        page.write_text(text)
    if len(scripts) != 1:
        raise ValueError(f"the theme has {len(scripts)} scripts in its pages instead of one")
    (site / "_static" / _SCRIPT_FILE).write_text(scripts.pop().strip() + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
