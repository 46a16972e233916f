"""The Kubernetes manifests: references exist, nodes may drain, and workloads have least privileges."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from media.server.metrics import Metrics
from tests.deploy.dockerfile import read_dockerfile
from tests.deploy.manifests import KUBERNETES, ROOT, Manifest, all_manifests, known, manifests, of_kind
from tools.kubernetes_schemas import FOREIGN_KINDS, SCHEMAS, VERSIONS

RUNNING = of_kind("Deployment", "StatefulSet", "Job", "CronJob")
OURS = [manifest for manifest in RUNNING if manifest["metadata"]["name"] != "router"]
NAMES = {(manifest["kind"], manifest["metadata"]["name"]) for _, manifest in all_manifests()}


def template(manifest: Manifest) -> dict[str, Any]:
    spec = manifest["spec"]["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else manifest["spec"]
    found: dict[str, Any] = spec["template"]
    return found


def pod(manifest: Manifest) -> dict[str, Any]:
    spec: dict[str, Any] = template(manifest)["spec"]
    return spec


def container(manifest: Manifest) -> dict[str, Any]:
    (only,) = pod(manifest)["containers"]
    found: dict[str, Any] = only
    return found


def program(manifest: Manifest) -> str:
    found = re.fullmatch(r"vocalized-(media|control|backup):\d+\.\d+\.\d+", container(manifest)["image"])
    assert found
    return found[1]


def find(kind: str, name: str) -> Manifest:
    (found,) = [manifest for manifest in of_kind(kind) if manifest["metadata"]["name"] == name]
    return found


def name_of(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def test_all_manifests_are_listed_in_the_readme() -> None:
    readme = (KUBERNETES / "README.md").read_text()
    for file, manifest in all_manifests():
        assert file in readme
        assert manifest["apiVersion"] and manifest["metadata"]["name"]
        if manifest["kind"] != "Namespace":
            assert manifest["metadata"]["namespace"] == "vocalized", file
    assert {file for file in re.findall(r"[\w.-]+\.yaml", readme)} == {path.name for path in KUBERNETES.glob("*.yaml")}


@pytest.mark.parametrize("manifest", RUNNING, ids=name_of)
def test_workload_runs_with_least_privileges(manifest: Manifest) -> None:
    """The pod security standard "restricted" of the namespace, and a read-only root file system."""
    spec = pod(manifest)
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True and spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    mounted: set[str] = set()
    for one in (*spec["containers"], *spec.get("initContainers", [])):
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert {"name": "tmp", "mountPath": "/tmp"} in one["volumeMounts"]
        assert one["resources"]["requests"].keys() == {"cpu", "memory"} and "memory" in one["resources"]["limits"]
        mounted |= {mount["name"] for mount in one["volumeMounts"]}
    claims = {claim["metadata"]["name"] for claim in manifest["spec"].get("volumeClaimTemplates", [])}
    assert mounted == {volume["name"] for volume in spec["volumes"]} | claims


@pytest.mark.parametrize("manifest", OURS, ids=name_of)
def test_container_starts_a_program_of_its_image_as_the_images_user(manifest: Manifest) -> None:
    image = read_dockerfile(ROOT / f"Dockerfile.{program(manifest)}")[-1]
    assert image.last_arguments("USER") == "{runAsUser}:{runAsGroup}".format(**pod(manifest)["securityContext"])
    if manifest["kind"] not in ("Job", "CronJob"):
        assert container(manifest)["args"][-2:] == ["--port", "8080"]
        assert [port["containerPort"] for port in container(manifest)["ports"]] == [8080]


def variables(manifest: Manifest) -> Iterator[str]:
    spec_of_container = container(manifest)
    for source in spec_of_container.get("envFrom", []):
        ((kind, reference),) = source.items()
        keys = _keys({"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind], reference["name"])
        # All parts of control share one set of settings, which also holds media's.
        yield from keys & known("control")
    for variable in spec_of_container.get("env", []):
        yield variable["name"]
        for kind, reference in variable.get("valueFrom", {}).items():
            if kind != "fieldRef":
                kinds = {"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}
                assert reference["key"] in _keys(kinds[kind], reference["name"])


def _keys(kind: str, name: str) -> set[str]:
    found = find(kind, name)
    data: dict[str, str] = found.get("data") or found.get("stringData") or {}
    return set(data)


@pytest.mark.parametrize("manifest", OURS, ids=name_of)
def test_container_reads_all_its_settings(manifest: Manifest) -> None:
    pod_labels = list(variables(manifest))
    assert pod_labels and set(pod_labels) <= known(program(manifest))


def test_every_setting_is_read_by_a_program() -> None:
    pod_labels = _keys("ConfigMap", "vocalized") | _keys("Secret", "vocalized")
    assert pod_labels <= known("control") | known("media")


def test_media_has_no_database_carrier_or_storage_read_credentials() -> None:
    media = find("StatefulSet", "media")
    pod_labels = set(variables(media))
    assert {"VOCALIZED_REDIS_URL", "VOCALIZED_MEDIA_PASS", "VOCALIZED_MEDIA_PUBLIC_URL"} <= pod_labels
    assert not {name for name in pod_labels if re.search("TOKEN_KEYS|VAULT_KEYS|BUS_KEYS|SECRET_KEYS", name)}
    assert not {name for name in pod_labels if re.search("TWILIO|TELNYX|SMTP|DATABASE", name)}
    secrets = {
        variable["name"]: variable["valueFrom"]["secretKeyRef"]["name"]
        for variable in container(media)["env"]
        if "secretKeyRef" in variable.get("valueFrom", {})
    }
    assert secrets["AWS_ACCESS_KEY_ID"] == secrets["AWS_SECRET_ACCESS_KEY"] == "vocalized-media"
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert find("Secret", "vocalized")["stringData"][key] != find("Secret", "vocalized-media")["stringData"][key]


def test_probes_match_the_programs_endpoints() -> None:
    for manifest in OURS:
        if manifest["kind"] in ("Job", "CronJob"):
            continue
        spec_of_container = container(manifest)
        paths = {
            kind: spec_of_container[kind].get("httpGet", {}).get("path") for kind in ("startupProbe", "readinessProbe")
        }
        worker = manifest["metadata"]["name"] == "worker"  # has no /readyz
        assert paths == {"startupProbe": "/healthz", "readinessProbe": "/healthz" if worker else "/readyz"}
        assert "livenessProbe" in spec_of_container


def test_grace_period_covers_the_drain_timeout() -> None:
    drain = float(find("ConfigMap", "vocalized")["data"]["VOCALIZED_MEDIA_DRAIN_TIMEOUT_S"])
    media = pod(find("StatefulSet", "media"))
    assert media["terminationGracePeriodSeconds"] >= drain + 60
    assert container(find("StatefulSet", "media"))["lifecycle"]["preStop"]
    router = find("ConfigMap", "router")["data"]["nginx.conf"]
    assert f"worker_shutdown_timeout {drain:.0f}s;" in router
    assert pod(find("Deployment", "router"))["terminationGracePeriodSeconds"] >= drain + 60


def test_router_maps_a_pods_address_to_the_pod() -> None:
    (address,) = [
        variable["value"]
        for variable in container(find("StatefulSet", "media"))["env"]
        if variable["name"] == "VOCALIZED_MEDIA_PUBLIC_URL"
    ]
    conf = find("ConfigMap", "router")["data"]["nginx.conf"]
    pattern = re.search(r"location ~ (\S+) \{", conf)
    assert pattern
    path = address.removeprefix("wss://media.example.com").replace("$(VOCALIZED_MEDIA_NODE)", "media-3")
    for socket in ("/media/twilio", "/media/telnyx/some-token_1"):
        found = re.fullmatch(pattern[1], path + socket)
        assert found and (found[1], found[2]) == ("media-3", socket)
    for other in ("/metrics", "/media-3/metrics", "/media-3/calls/x/events", "/other-3/media/twilio"):
        assert re.fullmatch(pattern[1], other) is None
    assert "http://$1.media.vocalized.svc" in conf
    headless = find("Service", "media")
    assert headless["spec"]["clusterIP"] == "None" and headless["spec"]["publishNotReadyAddresses"] is True
    assert find("StatefulSet", "media")["spec"]["serviceName"] == "media"


def test_services_and_budgets_select_pods_that_exist() -> None:
    labels = [template(workload)["metadata"]["labels"] for workload in RUNNING]
    for manifest in of_kind("Service", "PodDisruptionBudget"):
        selector = manifest["spec"]["selector"]
        selected = selector.get("matchLabels", selector)
        assert any(selected.items() <= pod_labels.items() for pod_labels in labels), name_of(manifest)
    for manifest in of_kind("Deployment", "StatefulSet"):
        selected = manifest["spec"]["selector"]["matchLabels"]
        assert selected.items() <= manifest["spec"]["template"]["metadata"]["labels"].items()
        assert ("PodDisruptionBudget", manifest["metadata"]["name"]) in NAMES
    for manifest in of_kind("Ingress"):
        for rule in manifest["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                assert ("Service", path["backend"]["service"]["name"]) in NAMES


@pytest.mark.parametrize("kind", ["HorizontalPodAutoscaler", "ScaledObject"])
def test_autoscaling_uses_a_metric_of_media(kind: str) -> None:
    (scaler,) = of_kind(kind)
    target = scaler["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) in NAMES
    assert "replicas" not in find(target["kind"], target["name"])["spec"], "an upgrade would remove the added pods"
    (metric,) = set(re.findall(r"vocalized_media_\w+", str(scaler["spec"])))
    assert f"# TYPE {metric} gauge" in Metrics().render().decode()
    full = int(find("ConfigMap", "vocalized")["data"]["VOCALIZED_MEDIA_MAX_CALLS"])
    (target_calls,) = {
        int(number) for number in re.findall(r"(?:averageValue|threshold)': '(\d+)'", str(scaler["spec"]))
    }
    assert target_calls < full


def test_only_the_ingress_is_reachable_from_outside() -> None:
    policies = {manifest["metadata"]["name"]: manifest["spec"] for manifest in of_kind("NetworkPolicy")}
    assert policies["nobody"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    assert "api" in str(policies["from-the-ingress"]) and "'media'" not in str(policies["from-the-ingress"])
    allowed = {port["port"] for rule in policies["media-outwards"]["egress"] for port in rule["ports"]}
    assert 5432 not in allowed


def test_example_secret_holds_no_secret() -> None:
    for secret in manifests(KUBERNETES / "secrets.example.yaml"):
        assert all(re.search(r"[A-Z]{3,}|^0$", value) for value in secret["stringData"].values())


def test_backups_are_made_checked_and_their_credentials_are_their_own() -> None:
    backup, check = find("CronJob", "backup"), find("CronJob", "backup-check")
    assert (container(backup)["args"], container(check)["args"]) == (["create"], ["check"])
    for job in (backup, check):
        assert job["spec"]["concurrencyPolicy"] == "Forbid"
        secrets = {
            variable["name"]: variable["valueFrom"]["secretKeyRef"]["name"]
            for variable in container(job)["env"]
            if "valueFrom" in variable
        }
        assert set(secrets.values()) - {"vocalized-backup"} <= {"vocalized"}
        assert {name for name, secret in secrets.items() if secret == "vocalized"} <= {"VOCALIZED_VAULT_KEYS"}
    given = find("Secret", "vocalized-backup")["stringData"]
    for secret in ("vocalized", "vocalized-media"):
        assert given["AWS_ACCESS_KEY_ID"] != find("Secret", secret)["stringData"]["AWS_ACCESS_KEY_ID"]
    (scratch,) = pod(check)["initContainers"]
    assert scratch["restartPolicy"] == "Always" and "listen_addresses=" in scratch["args"]
    stage = read_dockerfile(ROOT / "Dockerfile.backup")[-1]
    assert stage.base == scratch["image"].replace("@", "-trixie@")


def find_schema_faults(manifest: Manifest, version: str) -> list[str]:
    """What Kubernetes' own schema of a version refuses in a manifest; unknown fields, too."""
    schemas = json.loads((SCHEMAS / f"{version}.json").read_text())
    schema = schemas["kinds"][f"{manifest['apiVersion']} {manifest['kind']}"] | {"$defs": schemas["$defs"]}
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(manifest)]


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_own_schemas_accept_the_manifests(version: str) -> None:
    checked = [(name, one) for name, one in all_manifests() if one["kind"] not in FOREIGN_KINDS]
    assert len(checked) > 25
    for name, manifest in checked:
        assert find_schema_faults(manifest, version) == [], name


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_own_schemas_find_an_unknown_field_a_wrong_type_and_a_missing_field(version: str) -> None:
    faults = {"readynessProbe": {"readynessProbe": {}}, "args": {"args": "--port 8080"}, "'name' is a": {"name": None}}
    for fault, change in faults.items():
        manifest = deepcopy(of_kind("StatefulSet")[0])
        containers = pod(manifest)["containers"]
        containers[0] = {name: value for name, value in (containers[0] | change).items() if value is not None}
        (found,) = find_schema_faults(manifest, version)
        assert fault in found
