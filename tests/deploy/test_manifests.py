"""The manifests for Kubernetes and compose: valid, closed but for what is needed, patient with calls."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.settings import unknown_variables
from tests.deploy.dockerfile import instructions
from tests.deploy.patience import patience

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
COMPOSE = DEPLOY / "compose" / "compose.yaml"


def documents() -> list[dict[str, Any]]:
    return [document for path in KUBERNETES for document in yaml.safe_load_all(path.read_text("utf-8")) if document]


def of_kind(*kinds: str) -> Iterator[dict[str, Any]]:
    return (document for document in documents() if document["kind"] in kinds)


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = (document for document in of_kind(kind) if document["metadata"]["name"] == name)
    return found


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """The specification of each pod, by what makes it."""
    for document in of_kind("Deployment", "StatefulSet", "CronJob"):
        spec = document["spec"]["jobTemplate"]["spec"] if document["kind"] == "CronJob" else document["spec"]
        yield document["metadata"]["name"], spec["template"]["spec"]


def image_variables() -> dict[str, str]:
    (found,) = (
        arguments for name, arguments in instructions((ROOT / "Dockerfile").read_text("utf-8")) if name == "ENV"
    )
    return dict(setting.split("=", 1) for setting in found.split())


@pytest.mark.parametrize("version", ["1.30", "1.33", "1.37"])
def test_kubernetes_knows_every_field(version: str) -> None:
    validate = pytest.importorskip("kubernetes_validate").validate
    for document in documents():
        validate(document, version, strict=True)
    broken = named("Deployment", "gateway")
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(Exception, match="readynessProbe"):
        validate(broken, version, strict=True)


def test_every_pod_is_unprivileged_and_writes_only_to_its_volumes() -> None:
    assert {name for name, _ in pods()} == {"gateway", "postgres", "redis", "backup"}
    for name, pod in pods():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), name
        assert not [volume for volume in pod["volumes"] if "hostPath" in volume], name
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True, name
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert "memory" in container["resources"]["limits"], name
            assert "hostPort" not in str(container.get("ports", "")), name
            volumes = {volume["name"] for volume in pod["volumes"]}
            claims = next((document["spec"] for document in of_kind("StatefulSet")), {}).get("volumeClaimTemplates", ())
            volumes |= {claim["metadata"]["name"] for claim in claims} if name == "postgres" else set()
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes, name


def test_a_gateway_is_asked_and_has_the_time_to_end_its_calls() -> None:
    pod = named("Deployment", "gateway")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    config = named("ConfigMap", "glow-voice")["data"]
    assert ports == {"http": int(image_variables()["GLOW_PORT"]), "metrics": int(config["GLOW_METRICS_PORT"])}
    assert container["livenessProbe"]["httpGet"] == {"path": "/health", "port": "http"}
    assert container["startupProbe"]["httpGet"] == {"path": "/health", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    assert pod["terminationGracePeriodSeconds"] >= patience(float(config["GLOW_DRAIN_S"]))
    assert pod["securityContext"]["runAsUser"] == 10001
    assert named("Deployment", "gateway")["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert pod["enableServiceLinks"] is False


def test_what_is_named_is_there() -> None:
    claims = {document["metadata"]["name"] for document in of_kind("PersistentVolumeClaim")}
    labels = {name for name, _ in pods()}
    for name, pod in pods():
        named_claims = [
            volume["persistentVolumeClaim"]["claimName"]
            for volume in pod["volumes"]
            if "persistentVolumeClaim" in volume
        ]
        assert set(named_claims) <= claims, name
    for service in of_kind("Service"):
        assert service["spec"].get("selector", {}).get("app", "gateway") in labels
    for policy in of_kind("NetworkPolicy"):
        assert policy["spec"]["podSelector"].get("matchLabels", {}).get("app", "gateway") in labels
    assert named("NetworkPolicy", "nothing-else")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    assert {document["metadata"].get("namespace") for document in documents() if document["kind"] != "Namespace"} == {
        "glow-voice"
    }
    assert set(re.findall(r"image: (\S+)", "".join(path.read_text() for path in KUBERNETES))) == {
        "postgres:17-alpine", "redis:7-alpine", "registry.example.org/glow-voice:0.1.0",
    }  # fmt: skip


def test_variables_are_settings_and_secrets_are_files() -> None:
    """A misspelt variable does nothing; a secret in a variable is shown by whoever lists the processes."""
    config = named("ConfigMap", "glow-voice")["data"]
    pod = named("Deployment", "gateway")["spec"]["template"]["spec"]
    own = {entry["name"]: "" for entry in pod["containers"][0]["env"]}
    (secrets,) = (volume["secret"] for volume in pod["volumes"] if volume["name"] == "secrets")
    files = {item["path"]: "" for item in secrets["items"]}
    compose = yaml.safe_load(COMPOSE.read_text("utf-8"))
    gateway = compose["services"]["gateway-2"]
    for variables in (config, own, files, gateway["environment"], dict.fromkeys(gateway["secrets"])):
        assert unknown_variables({name: str(value) for name, value in variables.items()}) == []
    assert set(files) == set(gateway["secrets"]) == {"GLOW_DATABASE_URL", "GLOW_BUS_URL", "GLOW_GATEWAY_SECRET"}
    assert not set(files) & {*config, *own, *gateway["environment"]}
    assert not list(of_kind("Secret"))
    for path in [*KUBERNETES, COMPOSE, *(DEPLOY / "compose").glob("*.cfg")]:
        assert not re.search(r"://\w+:[^$@\s]+@", path.read_text("utf-8")), f"{path.name} has a password"


def test_only_the_proxy_of_compose_is_open_and_everything_named_is_there() -> None:
    compose = yaml.safe_load(COMPOSE.read_text("utf-8"))
    services = compose["services"]
    assert {name for name, service in services.items() if "ports" in service} == {"proxy"}
    assert services["proxy"]["ports"] == ["${GLOW_PUBLISH:-127.0.0.1:8010}:8010"]
    assert compose["networks"]["back"] == {"internal": True}
    for name in ("postgres", "redis"):
        assert services[name]["networks"] == ["back"]
    for name, service in services.items():
        assert set(service["networks"]) <= set(compose["networks"]), name
        assert set(service.get("secrets", ())) <= set(compose["secrets"]), name
        assert set(service.get("depends_on", ())) <= set(services), name
        assert "no-new-privileges:true" in service["security_opt"], name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or (COMPOSE.parent / source).exists(), volume
    for name in ("gateway-1", "gateway-2", "redis", "proxy"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    for name in ("gateway-1", "gateway-2"):
        assert services[name]["user"] == "10001:10001"
        assert float(services[name]["stop_grace_period"].removesuffix("s")) >= patience()
        assert services[name]["environment"]["GLOW_GATEWAY_ADDRESS"] == f"http://{name}:8010"
    assert services["speech"]["profiles"] == ["gpu"]


def test_the_proxy_of_compose_is_a_proxy() -> None:
    """It sends calls to every gateway of compose, and nobody to what is theirs alone."""
    path = DEPLOY / "compose" / "haproxy.cfg"
    config = path.read_text("utf-8")
    gateways = [name for name in yaml.safe_load(COMPOSE.read_text("utf-8"))["services"] if name.startswith("gateway")]
    for backend in config.split("\nbackend ")[1:]:
        assert re.findall(r"server \w+ ([\w-]+):8010", backend) == gateways
        assert "httpchk GET /ready" in backend
    assert "deny_status 404 if { path_beg /internal }" in config
    haproxy = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if haproxy is None:
        pytest.skip("HAProxy is not installed")
    ran = subprocess.run([haproxy, "-c", "-f", path], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert {line for line in ran.stderr.splitlines() if "WARNING" in line and "could not resolve" not in line} == set()


def test_passwords_are_made_once_and_agree(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "compose" / "secrets.sh", tmp_path)
    for _ in range(2):
        subprocess.run(["sh", tmp_path / "secrets.sh"], check=True)
        made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(yaml.safe_load(COMPOSE.read_text("utf-8"))["secrets"])
    assert len(made["postgres_password"]) == 48
    assert made["postgres_password"] != made["redis_password"]
    assert made["GLOW_DATABASE_URL"] == f"postgresql+asyncpg://glow:{made['postgres_password']}@postgres/glow"
    assert made["GLOW_BUS_URL"] == f"redis://:{made['redis_password']}@redis:6379/0"
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    before = dict(made)
    subprocess.run(["sh", tmp_path / "secrets.sh"], check=True)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == before
    ignored = (DEPLOY / "compose" / ".gitignore").read_text()
    assert "secrets/" in ignored
