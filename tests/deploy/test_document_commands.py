"""The command lines of the documents: control accepts them, and what compose and kubectl are told to use exists. The
first admin is made as it is in the container: from the image's folders and packages, with compose's settings."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.arguments import parse_arguments
from tests.deploy.build import copy_rooms
from tests.deploy.manifests import DEPLOY, KUBERNETES, ROOT, all_manifests, manifests
from tests.deploy.test_images import WITHOUT, unlocked_packages

DOCUMENTS = (
    *(str(page.relative_to(ROOT)) for page in sorted((ROOT / "docs" / "run").glob("*.md"))),
    "deploy/kubernetes/README.md",
    "README.md",
)
# A line that shows what may be chosen, instead of a command.
_SYNOPSIS = re.compile(r"\[|…| \| ")


def lines() -> Iterator[tuple[str, str]]:
    """Document and line of every shell example, without its comment."""
    for document in DOCUMENTS:
        for block in re.findall(r"```sh\n(.*?)```", (ROOT / document).read_text(), re.DOTALL):
            for line in block.splitlines():
                yield document, re.sub(r"\s#\s.*", "", line)


def control_commands() -> list[tuple[str, str]]:
    found = [
        (document, command.strip())
        for document, line in lines()
        for command in re.findall(r"python -m control ([^&;)]*)", line)
    ]
    return [(document, command) for document, command in found if not _SYNOPSIS.search(command)]


@pytest.mark.parametrize(("document", "command"), control_commands())
def test_control_accepts_the_commands_of_the_documents(document: str, command: str) -> None:
    _, arguments = parse_arguments(shlex.split(command))
    assert arguments.command == command.split()[0]


def test_commands_are_found() -> None:
    found = {command.partition(" ")[0] for _, command in control_commands()}
    assert {
        "api",
        "worker",
        "migrate",
        "admin",
        "analytics",
        "providers",
        "prices",
        "audit",
        "backups",
        "keys",
        "doctor",
    } == found
    with pytest.raises(SystemExit):
        parse_arguments(["admin", "make"])


def test_compose_is_told_of_services_that_exist() -> None:
    (compose,) = manifests(DEPLOY / "compose.yaml")
    named = [
        name
        for _, line in lines()
        for name in re.findall(
            r"(?:platform|compose\.yaml) (?:run --rm|up --detach --no-deps|exec|stop|build) ([\w-]+)", line
        )
    ]
    assert {"api", "migrate", "backup", "backup-check", "scratch"} <= set(named) <= compose["services"].keys()
    for _, line in lines():
        if "docker compose" in line:
            assert "--env-file deploy/.env -f deploy/compose.yaml" in line


def test_kubectl_is_told_of_objects_and_files_that_exist() -> None:
    objects = {f"{manifest['kind'].lower()}/{manifest['metadata']['name']}" for _, manifest in all_manifests()}
    text = "\n".join(line for _, line in lines() if "kubectl" in line)
    made = set(re.findall(r"create job --from=\S+ (\S+)", text))
    for named in re.findall(r"\b(?:deployment|statefulset|cronjob|job)/[\w-]+", text):
        assert named in objects or named.removeprefix("job/") in made, named
    files = re.findall(r"-f ([\w-]+\.yaml)", text)
    assert files and all((KUBERNETES / name).exists() for name in files)


def test_first_admin_is_made_in_the_container(fresh_database_url: str, tmp_path: Path) -> None:
    (line,) = [
        line for document, line in lines() if document == "docs/run/install.md" and "migrate admin create" in line
    ]
    arguments = shlex.split(line.partition("run --rm migrate ")[2])
    settings = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / "example.env").read_text(), re.MULTILINE))
    settings |= {"VOCALIZED_DATABASE_URL": fresh_database_url, "PATH": "/usr/bin:/bin"}
    script = WITHOUT.format(
        strangers=unlocked_packages("control"), program="control", commands=[[*arguments, "--json"]]
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=copy_rooms("control", tmp_path), env=settings, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert (made["email"], made["role"]) == ("you@example.com", "super_admin") and len(made["password"]) > 10
