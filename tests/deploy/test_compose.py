"""compose.yaml and its example settings: references exist, and each service gets only the settings it needs."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from config.settings import ControlSettings
from tests.deploy.dockerfile import read_dockerfile
from tests.deploy.manifests import DEPLOY, ROOT, known, manifests
from vocalized.commands.cli import ROOT as ROOT_OF_FRONT_DOOR

(COMPOSE,) = manifests(DEPLOY / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {
    **dict.fromkeys(("migrate", "api", "worker"), "control"),
    **dict.fromkeys(("media-1", "media-2", "speech"), "media"),
    **dict.fromkeys(("backup", "backup-check"), "backup"),
}

# Where Debian's package puts it, besides the PATH.
_COMPOSE = shutil.which("docker-compose", path=f"{os.environ['PATH']}:/usr/libexec/docker/cli-plugins")


def example(name: str = "example.env") -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / name).read_text(), re.MULTILINE))


def test_all_services_exist() -> None:
    assert OURS.keys() | {"postgres", "redis", "objects", "bucket", "proxy", "scratch"} == SERVICES.keys()
    assert ROOT == ROOT_OF_FRONT_DOOR


def test_our_services_are_built_from_our_dockerfiles() -> None:
    for name, program in OURS.items():
        build = SERVICES[name]["build"]
        assert (DEPLOY / build["context"]).resolve() == ROOT
        assert build["dockerfile"] == f"Dockerfile.{program}"
        assert SERVICES[name]["read_only"] is True and SERVICES[name]["tmpfs"] == ["/tmp"]
    assert SERVICES["api"]["command"] == ["api", "--port", "8080"]
    # The port of the image's health check.
    assert SERVICES["worker"]["command"] == ["worker", "--port", "8080"]
    assert SERVICES["migrate"]["healthcheck"] == {"disable": True}


def test_every_setting_in_the_example_exists() -> None:
    settings = {name for name in example() if name.startswith("VOCALIZED_")}
    assert settings and settings <= known("control") | known("media")
    required = {
        f"VOCALIZED_{name.upper()}" for name, field in ControlSettings.model_fields.items() if field.is_required()
    }
    assert required <= settings


def test_every_interpolated_variable_is_in_the_example() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert used and used <= example().keys()
    assert (
        set(re.findall(r"\{\$(\w+)\}", (DEPLOY / "Caddyfile").read_text())) == SERVICES["proxy"]["environment"].keys()
    )


def test_media_node_gets_only_its_settings() -> None:
    for name in ("media-1", "media-2"):
        node = SERVICES[name]
        assert "env_file" not in node
        given = node["environment"]
        assert given.keys() <= known("media")
        assert {"VOCALIZED_REDIS_URL", "VOCALIZED_MEDIA_PASS", "VOCALIZED_STORAGE_URL"} <= given.keys()
        assert not {key for key in given if re.search("TOKEN_KEYS|VAULT_KEYS|BUS_KEYS|SECRET_KEYS", key)}
        assert given["VOCALIZED_MEDIA_PUBLIC_URL"].endswith(f"/{name}")
        assert node["volumes"] == [f"{name}:/var/lib/vocalized", "speech:/var/lib/speech"]


def test_media_node_has_no_carrier_or_storage_read_credentials() -> None:
    owner = SERVICES["objects"]["environment"]
    for name in ("media-1", "media-2"):
        given = SERVICES[name]["environment"]
        assert not {key for key in given if re.search("TWILIO|TELNYX|SMTP|DATABASE", key)}
        for key in (
            "GARAGE_DEFAULT_ACCESS_KEY",
            "GARAGE_DEFAULT_SECRET_KEY",
            "GARAGE_RPC_SECRET",
            "GARAGE_ADMIN_TOKEN",
        ):
            assert owner[key] not in given.values()
        assert given["AWS_ACCESS_KEY_ID"] == SERVICES["bucket"]["environment"]["MEDIA_STORAGE_USER"]
    (rights,) = json.loads((DEPLOY / "storage-media.json").read_text())["Statement"]
    assert rights["Effect"] == "Allow" and set(rights["Action"]) == {"s3:PutObject", "s3:AbortMultipartUpload"}
    bucket = example()["VOCALIZED_STORAGE_URL"].removeprefix("s3://").partition("?")[0]
    assert rights["Resource"] == [f"arn:aws:s3:::{bucket}/*"]
    assert bucket == owner["GARAGE_DEFAULT_BUCKET"]
    source, target, _ = SERVICES["bucket"]["volumes"][0].split(":")
    assert (DEPLOY / source).exists() and SERVICES["bucket"]["entrypoint"] == ["python", target]


def test_every_port_of_storage_asks_for_a_key() -> None:
    storage = tomllib.loads(COMPOSE["configs"]["garage"]["content"])
    assert storage["rpc_bind_addr"].startswith("127.0.0.1:")
    assert storage.keys() & {"s3_api", "admin", "s3_web", "k2v_api"} == {"s3_api", "admin"}
    assert storage["admin"].keys() == {"api_bind_addr"}, "a token in a file would be the same everywhere"
    url = urlsplit(example()["VOCALIZED_STORAGE_URL"].replace("s3://", "http://"))
    options = dict(parse_qsl(url.query))
    assert options["region"] == storage["s3_api"]["s3_region"]
    assert options["endpoint"].rpartition(":")[2] == storage["s3_api"]["api_bind_addr"].rpartition(":")[2]
    assert SERVICES["bucket"]["environment"]["STORAGE_ADMIN_URL"] == "http://objects:3903"
    assert storage["admin"]["api_bind_addr"] == "0.0.0.0:3903"


def test_a_store_is_reached_only_by_the_programs_that_use_it() -> None:
    networks = {name: set(service.get("networks", ())) for name, service in SERVICES.items()}
    assert all(networks[name] for name in SERVICES if name != "speech")
    users = {"api", "worker", "media-1", "media-2"}
    assert {name for name, joined in networks.items() if "bus" in joined} == users | {"redis"}
    database = {"migrate", "api", "worker", "postgres", "backup", "backup-check"}
    assert {name for name, joined in networks.items() if "database" in joined} == database
    assert networks["proxy"] == {"outside"}
    for store in ("postgres", "redis", "objects", "scratch"):
        (network,) = networks[store]
        assert COMPOSE["networks"][network] == {"internal": True} and "ports" not in SERVICES[store]


def test_each_program_has_only_its_own_user_in_redis_and_its_own_keys() -> None:
    for name, user in {"api": "api", "worker": "worker", "media-1": "media", "media-2": "media"}.items():
        given = SERVICES[name]["environment"]
        assert given["VOCALIZED_REDIS_URL"].startswith(f"redis://{user}:${{{user.upper()}_REDIS_PASSWORD")
        assert all(not given.get(other) for other in given if other.endswith(("REDIS_PASSWORD", "_1_PASS", "_2_PASS")))
    assert SERVICES["worker"]["environment"]["VOCALIZED_TOKEN_KEYS"] == ""
    assert SERVICES["redis"]["command"][-2:] == ["--aclfile", SERVICES["redis"]["configs"][0]["target"]]


def test_programs_of_control_get_their_own_login_only() -> None:
    settings = example()
    owner = settings["VOCALIZED_DATABASE_URL"]
    for name in ("api", "worker"):
        given = SERVICES[name]["environment"]
        url = settings[f"{name.upper()}_DATABASE_URL"]
        assert given["VOCALIZED_DATABASE_URL"] == f"${{{name.upper()}_DATABASE_URL:?in deploy/.env}}"
        assert f"vocalized_{name}={urlsplit(url).password}," in settings["VOCALIZED_DATABASE_PASSWORDS"]
        passed = {key: value for key, value in settings.items() if key not in given}
        assert not {key for key, value in passed.items() if value == owner or re.search("DATABASE|POSTGRES", key)}
        own = {"VOCALIZED_DATABASE_URL", "VOCALIZED_REDIS_URL"}
        assert {value for key, value in given.items() if key not in own} == {""}
    assert "environment" not in SERVICES["migrate"]


def test_recording_links_use_no_internal_host() -> None:
    url = example()["VOCALIZED_STORAGE_URL"]
    assert "endpoint=http://objects:9000" in url and "links=true" not in url


def test_nodes_and_speech_engine_share_a_socket(tmp_path: Path) -> None:
    speech, (flag, path) = SERVICES["speech"], SERVICES["speech"]["command"]
    assert speech["entrypoint"][:2] == ["python", "-m"] and find_spec(speech["entrypoint"][2])
    assert flag == "--socket" and speech["build"]["args"] == {"PACKAGES": "local"}
    folder = str(Path(path).parent)
    assert f"mkdir -p {folder} && chown 10001:10001 {folder}" in (ROOT / "Dockerfile.media").read_text()
    for name in ("media-1", "media-2", "speech"):
        assert f"speech:{folder}" in SERVICES[name]["volumes"]
    assert SERVICES["media-1"]["environment"]["VOCALIZED_LOCAL_ENGINE_SOCKET"] == path
    check = speech["healthcheck"]["test"][-1].replace(path, str(tmp_path / "s"))
    assert check != speech["healthcheck"]["test"][-1]
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, timeout=30).returncode == 1
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(tmp_path / "s"))
        engine.listen()
        assert subprocess.run([sys.executable, "-c", check], timeout=30).returncode == 0


def test_proxy_maps_each_nodes_address_to_that_node() -> None:
    text = (DEPLOY / "Caddyfile").read_text()
    for name in ("media-1", "media-2"):
        assert f"^/{name}/media/(twilio|telnyx|browser)(/|$)" in text
        assert f"uri strip_prefix /{name}\n\t\treverse_proxy {name}:8080" in text


def test_dependencies_exist_and_have_health_checks() -> None:
    for name, service in SERVICES.items():
        for other, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                images_own = other in OURS and read_dockerfile(ROOT / f"Dockerfile.{OURS[other]}")[-1].steps_with(
                    "HEALTHCHECK"
                )
                assert images_own or "healthcheck" in SERVICES[other], f"{name} waits for {other}"
    volumes = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {volume for volume in volumes if not volume.startswith(".")} == COMPOSE["volumes"].keys()


def test_grace_period_lets_calls_end() -> None:
    longest = int(SERVICES["media-1"]["stop_grace_period"].removesuffix("s"))
    assert longest > 3_600 and SERVICES["proxy"]["stop_grace_period"] == f"{longest}s"


def test_example_holds_no_secret() -> None:
    for name, value in (*example().items(), *example("example-backup.env").items()):
        if re.search(r"KEYS?$|PASSWORD|TOKENS|SECRET", name):
            assert value == "" or "MADE-UP" in value, name


def test_filled_in_settings_are_ignored_by_git() -> None:
    assert {".env", "backup.env"} <= set((DEPLOY / ".gitignore").read_text().splitlines())


def test_only_the_backup_jobs_get_the_settings_of_backups() -> None:
    """Whoever takes over the API must not be able to read or delete backups."""
    given = example("example-backup.env")
    assert given.keys() <= known("backup") and {"VOCALIZED_BACKUP_URL", "VOCALIZED_BACKUP_KEYS"} <= given.keys()
    assert not given.keys() & example().keys() - {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert "backup.env" in (DEPLOY / ".gitignore").read_text()
    for name, service in SERVICES.items():
        reads = service.get("env_file") == [{"path": "backup.env", "required": False}]
        assert reads == (name in ("backup", "backup-check")), name
        if reads:
            assert service["environment"].keys() <= known("backup") and service["profiles"] == ["backup"]
    assert SERVICES["backup"].get("command") is None and SERVICES["backup-check"]["command"] == ["check"]
    assert "@scratch:5432/postgres" in SERVICES["backup-check"]["environment"]["VOCALIZED_RESTORE_URL"]


def test_backups_are_made_by_programs_of_the_servers_version() -> None:
    (stage,) = read_dockerfile(ROOT / "Dockerfile.backup")
    for name in ("postgres", "scratch"):
        assert stage.base == SERVICES[name]["image"].replace("@", "-trixie@")
    version = SERVICES["postgres"]["image"].removeprefix("postgres:").partition(".")[0]
    assert f"/usr/lib/postgresql/{version}/bin" in stage.environment["PATH"]


@pytest.mark.skipif(_COMPOSE is None, reason="Compose is not installed (Debian's package docker-compose)")
def test_compose_accepts_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "deploy"
    shutil.copytree(DEPLOY, folder)
    for source, target in (("example.env", ".env"), ("example-backup.env", "backup.env")):
        shutil.copyfile(DEPLOY / source, folder / target)
    profiles = ["--profile", "public", "--profile", "backup"]
    command = [str(_COMPOSE), "--env-file", ".env", "-f", "compose.yaml", *profiles, "config", "--services"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == SERVICES.keys()
