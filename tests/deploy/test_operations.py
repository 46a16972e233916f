"""The operator's guide names only what there is."""

import re
from pathlib import Path

import pytest

from control.app import ROUTES
from control.webhooks.routes import WEBHOOK_ROUTES
from tests.deploy.manifests import ROOT, known

GUIDE = (ROOT / "docs" / "operations.md").read_text()
README = (ROOT / "deploy" / "kubernetes" / "README.md").read_text()


def test_every_setting_is_one() -> None:
    named = set(re.findall(r"VOCALIZED_[A-Z_]+[A-Z]", GUIDE))
    assert len(named) > 10 and named <= known("control") | known("media")


def test_every_metric_is_told_by_a_program() -> None:
    code = "".join(path.read_text() for room in ("media", "control") for path in (ROOT / room).rglob("*.py"))
    made = set(re.findall(r'"(vocalized_\w+)"', code))
    made |= {f"vocalized_media_{name}" for name in re.findall(r'_counter\(\s*"(\w+)"', code)}
    named = {
        re.sub(r"_(total|bucket)$", "", name) for name in re.findall(r"vocalized_(?:media|control|worker)\w+", GUIDE)
    }
    assert len(named) > 10 and named <= made | {"vocalized_control"}, named - made


def test_every_path_of_the_api_is_one() -> None:
    there = {
        re.sub(r"\{\w+\}", "{}", path)
        for path in (*(route.path for route in ROUTES), *(notice.path for notice in WEBHOOK_ROUTES))
    }
    named = {
        (method, re.sub(r"\{\w+\}", "{}", path))
        for method, path in re.findall(r"(GET|POST|PUT|DELETE) (?:…)?(/[\w/{}-]+)", GUIDE)
    }
    assert len(named) > 5
    for _, path in named:
        assert any(known == path or known.endswith(path) for known in there), path


@pytest.mark.parametrize("document", ["docs/operations.md", "deploy/kubernetes/README.md"])
def test_what_it_refers_to_is_there(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\(([^)#]*)", path.read_text()):
        assert not target or (path.parent / target).exists(), target


def test_sections_that_are_referred_to_are_there() -> None:
    for target, section in re.findall(r"\]\(([^)#]*)#([^)]+)\)", GUIDE):
        text = (ROOT / "docs" / target).read_text() if target else GUIDE
        titles = {_anchor(title) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
        assert section in titles, section


def test_all_ways_of_upgrading_keep_its_order() -> None:
    """A node refuses a plan with a field that it does not know, and a worker sets such an event aside."""
    section = GUIDE.partition("\n## Upgrade\n")[2].partition("\n## ")[0]
    order = [
        word.lower().removesuffix("s") for word in re.findall(r"^\d\. (?:.*\b(?=migrate))?(\w+)", section, re.MULTILINE)
    ]
    assert order == ["migrate", "worker", "media", "api"]
    compose = re.findall(r"^platform (?:run --rm|up --detach --no-deps) (\w+)", section, re.MULTILINE)
    assert [name for name in dict.fromkeys(compose) if name != "speech"] == order
    files = [
        name for line in README.splitlines() if line.startswith("kubectl") for name in re.findall(r"(\w+)\.yaml", line)
    ]
    assert [name for name in files if name in order] == order


def _anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_the_guide_tells_of_both_images() -> None:
    assert (ROOT / "Dockerfile.media").exists() and (ROOT / "Dockerfile.control").exists()
    assert Path(ROOT / "deploy" / "example.env").exists() and "deploy/example.env" in GUIDE
