"""The operators' pages name only what exists."""

import re
from pathlib import Path

from control.app import ROUTES
from control.inbound_webhooks.routes import WEBHOOK_ROUTES
from tests.deploy.manifests import ROOT, known

RUN = ROOT / "docs" / "run"
GUIDE = "\n".join(page.read_text() for page in sorted(RUN.glob("*.md")) if page.name != "monitoring.md")
UPGRADE = (RUN / "upgrade.md").read_text()
README = (ROOT / "deploy" / "kubernetes" / "README.md").read_text()


def test_every_setting_in_the_guide_exists() -> None:
    named = set(re.findall(r"VOCALIZED_[A-Z0-9_]*[A-Z0-9]", GUIDE))
    assert len(named) > 10 and named <= known("control") | known("media") | known("backup")


def test_every_metric_in_the_guide_exists() -> None:
    """tests/control/test_documented.py checks the tables of monitoring.md."""
    code = "".join(path.read_text() for room in ("media", "control", "vendors") for path in (ROOT / room).rglob("*.py"))
    defined = set(re.findall(r'"(vocalized_\w+)"', code))
    defined |= {f"vocalized_media_{name}" for name in re.findall(r'_(?:counter|histogram)\(\s*"(\w+)"', code)}
    named = {
        re.sub(r"_(total|bucket)$", "", name) for name in re.findall(r"vocalized_(?:media|control|worker)\w+", GUIDE)
    }
    assert len(named) > 5 and named <= defined | {"vocalized_control"}, named - defined  # alerts: test_alerts.py


def test_every_api_path_in_the_guide_exists() -> None:
    paths = {
        re.sub(r"\{\w+\}", "{}", path)
        for path in (*(route.path for route in ROUTES), *(notice.path for notice in WEBHOOK_ROUTES))
    }
    named = {
        (method, re.sub(r"\{\w+\}", "{}", path))
        for method, path in re.findall(r"(GET|POST|PUT|DELETE) (?:…)?(/[\w/{}-]+)", GUIDE)
    }
    assert len(named) > 5
    for _, path in named:
        assert any(documented == path or documented.endswith(path) for documented in paths), path


def test_all_upgrade_procedures_keep_the_order() -> None:
    """Needed because a node refuses a plan with an unknown field, and a worker sets such an event aside."""
    order_of_steps, _, commands = UPGRADE.partition("\n## With compose\n")
    order = [
        re.sub("s$", "", word.lower()) if word != "Redis" else "redis"
        for word in re.findall(r"^\d\. (?:.*\b(?=migrate))?(\w+)", order_of_steps, re.MULTILINE)
    ]
    assert order == ["migrate", "worker", "media", "api", "redis"], "old nodes do not work under Redis' new users"
    compose = re.findall(r"^platform (?:run --rm|up --detach --no-deps) (\w+)", commands, re.MULTILINE)
    assert [name for name in dict.fromkeys(compose) if name != "speech"] == order
    files = [
        name for line in README.splitlines() if line.startswith("kubectl") for name in re.findall(r"(\w+)\.yaml", line)
    ]
    assert [name for name in files if name in order] == order[:-1], "Redis is not in the cluster"


def test_guide_names_both_images() -> None:
    assert (ROOT / "Dockerfile.media").exists() and (ROOT / "Dockerfile.control").exists()
    assert Path(ROOT / "deploy" / "example.env").exists() and "deploy/example.env" in GUIDE
