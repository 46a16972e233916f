"""The deployment files agree with the code, with each other and with the documents."""

import re
from typing import Any

import yaml

from config.settings import MediaSettings
from control.app import ROUTES
from media.server.limits import WorkerLimits
from tests.deploy.manifests import DEPLOY, KUBERNETES, ROOT, Manifest, all_manifests, manifests, of_kind

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
README = (KUBERNETES / "README.md").read_text()
RUN = ROOT / "docs" / "run"
INSTALL = (RUN / "install.md").read_text()
ISSUER = "cert-manager.io/cluster-issuer"
MEDIA_SETTINGS = COMPOSE["x-media-settings"]
SETTINGS = next(found for found in of_kind("ConfigMap") if found["metadata"]["name"] == "vocalized")["data"]


def find_references(node: Any, kind: str) -> set[tuple[str, str]]:
    """The names, and keys, of the Secrets or ConfigMaps that a manifest refers to."""
    if isinstance(node, list):
        return {found for part in node for found in find_references(part, kind)}
    if not isinstance(node, dict):
        return set()
    found = {(ref["name"], ref.get("key", "")) for name, ref in node.items() if name in (f"{kind}KeyRef", f"{kind}Ref")}
    return found | {reference for part in node.values() for reference in find_references(part, kind)}


def policies() -> dict[str, Manifest]:
    return {policy["metadata"]["name"]: policy["spec"] for policy in of_kind("NetworkPolicy")}


def test_every_secret_that_is_referenced_is_in_the_example_and_created_in_the_readme() -> None:
    example = {
        secret["metadata"]["name"]: secret["stringData"] for secret in manifests(KUBERNETES / "secrets.example.yaml")
    }
    used = {reference for _, manifest in all_manifests() for reference in find_references(manifest, "secret")}
    assert {name for name, _ in used} == set(example)
    assert all(not key or key in example[name] for name, key in used)
    assert set(re.findall(r"create secret generic (\S+)", README)) == set(example)
    before_migration = README[: README.index("job/migrate")]
    for name in ("vocalized", "vocalized-owner", "vocalized-api", "vocalized-worker", "vocalized-media"):
        assert f"create secret generic {name} " in before_migration


def test_every_setting_that_is_referenced_is_in_the_config_map() -> None:
    used = {key for _, one in all_manifests() for _, key in find_references(one, "configMap") if key}
    assert used <= set(SETTINGS)


def test_proxies_take_the_longest_body_of_the_api() -> None:
    longest = max(route.upload_bytes for route in ROUTES)
    (caddy,) = re.findall(r"max_size (\d+)MB", (DEPLOY / "Caddyfile").read_text())
    (nginx,) = re.findall(r"proxy-body-size: (\d+)m", (KUBERNETES / "ingress.yaml").read_text())
    assert longest <= int(caddy) * 1_000_000 <= 1.1 * longest
    assert longest <= int(nginx) * 1_048_576 <= 1.1 * longest


def test_a_node_is_limited_to_the_calls_that_were_measured() -> None:
    (measured,) = re.findall(r"by default the (\d+) that a core held", (RUN / "sizing.md").read_text())
    (default,) = re.findall(r":-(\d+)}", MEDIA_SETTINGS["VOCALIZED_MEDIA_MAX_CALLS"])
    (example,) = re.findall(r"^VOCALIZED_MEDIA_MAX_CALLS=(\d+)", (DEPLOY / "example.env").read_text(), re.MULTILINE)
    assert {default, example, SETTINGS["VOCALIZED_MEDIA_MAX_CALLS"]} == {measured}
    assert MediaSettings.model_fields["media_max_calls"].default == WorkerLimits().max_calls == int(measured)


def test_media_may_reach_what_customers_may_name_and_no_database() -> None:
    assert "VOCALIZED_EGRESS_ALLOW" in MEDIA_SETTINGS and "VOCALIZED_EGRESS_ALLOW" in SETTINGS
    rules = [port for rule in policies()["media-outwards"]["egress"] for port in rule["ports"]]
    allowed = {
        number
        for port in rules
        if port["protocol"] == "TCP"
        for number in range(port["port"], port.get("endPort", port["port"]) + 1)
    }
    assert {53, 80, 443, 6379, 8443, 65535} <= allowed and not {22, 25, 5432} & allowed


def test_certificates_can_be_proved_although_connections_are_refused() -> None:
    issuers = [ingress for ingress in of_kind("Ingress") if ISSUER in ingress["metadata"]["annotations"]]
    assert issuers
    solver = policies()["from-the-ingress-to-certificate-solvers"]
    assert solver["podSelector"]["matchLabels"] == {"acme.cert-manager.io/http01-solver": "true"}
    assert [port["port"] for rule in solver["ingress"] for port in rule["ports"]] == [8089]


def test_prometheus_is_told_a_network_that_compose_makes_with_its_targets() -> None:
    text = (DEPLOY / "monitoring" / "prometheus.yml").read_text()
    (network,) = re.findall(r"docker network: vocalized_(\w+)\)", text)
    assert network in COMPOSE["networks"]
    for name, port in re.findall(r'"([\w-]+):(\d+)"', re.sub(r"(?m)^#.*", "", text)):
        service = COMPOSE["services"][name]
        assert network in service["networks"] and port == "8080"


def test_both_documents_say_how_a_providers_key_and_a_price_are_set() -> None:
    for text in (README, INSTALL):
        assert "providers set-key" in text and "prices set" in text


def test_the_guide_names_programs_that_are_in_an_image() -> None:
    assert "python -m vocalized" not in (RUN / "alerts.md").read_text()
    assert INSTALL.count("vocalized doctor") == INSTALL.count(".venv/bin/python -m vocalized doctor")
    for program in ("control", "media"):
        assert f"python -m {program} doctor" in INSTALL and f"python -m {program} doctor" in README
