"""The console's files, without a browser."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from control.api.console import FOLDER

OWN = [path for path in sorted(FOLDER.rglob("*.js")) if path.parent.name != "vendor"]
_TEXT = re.compile(r'(?<![\w.])t\(\s*"((?:[^"\\]|\\.)*)"')


def test_vendored_files_have_the_listed_hashes() -> None:
    readme = (FOLDER / "vendor/README.md").read_text()
    listed = dict(re.findall(r"^\| ([\w.-]+\.(?:js|css)) \|.*\| ([0-9a-f]{64}) \|$", readme, re.M))
    files = {path.name for path in (FOLDER / "vendor").iterdir()} - {"README.md", "LICENSES.txt"}
    assert set(listed) == files
    assert {name: sha256((FOLDER / "vendor" / name).read_bytes()).hexdigest() for name in files} == listed


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_nothing_makes_html_or_code_from_text(path: Path) -> None:
    text = path.read_text()
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|\beval\(", text)
        == []
    )


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_imported_modules_exist(path: Path) -> None:
    for name in re.findall(r'(?:from |import\()\s*"(\.[^"]+)"', path.read_text()):
        assert (path.parent / name).is_file(), name


def test_page_loads_nothing_from_elsewhere() -> None:
    for path in [*OWN, FOLDER / "index.html", FOLDER / "style.css"]:
        outside = set(re.findall(r"https?://[\w./-]+", path.read_text())) - {"http://www.w3.org/2000/svg"}
        assert outside == set(), path.name


def texts() -> set[str]:
    return {text for path in OWN for text in _TEXT.findall(path.read_text())}


def declared_texts() -> set[str]:
    """The texts of the table of nouns and of the menus, which are translated where they are shown."""
    table = (FOLDER / "resources.js").read_text()
    found = set(re.findall(r'(?:title|text|createTitle|confirm): "([^"]+)"', table))
    shell = (FOLDER / "app.js").read_text()
    found |= set(re.findall(r'\["([A-Z][^"]+)", "\w+", "[^"]*"\]', shell))
    found |= set(re.findall(r'\["([A-Z]\w+)", \[\[', shell))
    return found | set(re.findall(r'^  \["\w+", "([A-Z][^"]+)", \[', (FOLDER / "pages/agent.js").read_text(), re.M))


def test_every_text_has_a_german_one() -> None:
    german = (FOLDER / "messages/de.js").read_text()
    known = set(re.findall(r'(?:^|[,{])\s*(?:"((?:[^"\\]|\\.)+)"|(\w+)): "', german, re.M))
    keys = {quoted or plain for quoted, plain in known}
    assert sorted((texts() | declared_texts()) - keys) == []
