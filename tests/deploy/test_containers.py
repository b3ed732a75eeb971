"""Compose file and manifests name commands, settings, files and secrets that exist, and give nobody too much."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main

from veriward.cli.main import app
from veriward.server.settings import Settings

ROOT = Path(__file__).parents[2]
OURS = ("server", "worker")
SETTINGS = {f"VERIWARD_{name.upper()}" for name in Settings.model_fields}
Objects = dict[tuple[str, str], dict[str, Any]]


def parse(arguments: list[str]) -> None:
    """Raises what the command line would say of these."""
    name, *given = arguments
    typer.main.get_command(app).commands[name].make_context(name, given)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", OURS)
def test_a_service_starts_a_command_that_exists_with_settings_that_exist(name: str, compose: dict[str, Any]) -> None:
    service = compose["services"][name]
    parse(service["command"])
    assert set(service["environment"]) <= SETTINGS


@pytest.mark.parametrize("name", OURS)
def test_a_pod_starts_a_command_that_exists_with_settings_that_exist(name: str, objects: Objects) -> None:
    (container,) = objects["Deployment", name]["spec"]["template"]["spec"]["containers"]
    parse(container["args"])
    assert {variable["name"] for variable in container["env"]} <= SETTINGS


def test_a_command_that_does_not_exist_would_be_told() -> None:
    with pytest.raises(Exception, match="--nowhere"):
        parse(["serve", "--nowhere"])


@pytest.mark.parametrize("name", OURS)
def test_compose_and_kubernetes_start_the_same(name: str, compose: dict[str, Any], objects: Objects) -> None:
    (container,) = objects["Deployment", name]["spec"]["template"]["spec"]["containers"]
    service = compose["services"][name]
    assert container["args"] == service["command"]
    assert {variable["name"] for variable in container["env"]} == set(service["environment"])


def test_every_service_is_confined(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not service["user"].startswith(("0", "root")), name
        assert not {"privileged", "cap_add", "network_mode", "pid", "ipc"} & set(service), name
        assert "healthcheck" in service, name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name


def test_every_pod_is_confined(objects: Objects) -> None:
    pods = {key: one["spec"]["template"]["spec"] for key, one in objects.items() if "template" in one.get("spec", ())}
    assert len(pods) == 3
    for key, pod in pods.items():
        assert pod["securityContext"]["runAsNonRoot"] is True, key
        assert pod["automountServiceAccountToken"] is False, key
        for container in pod["containers"]:
            held = container["securityContext"]
            assert held["readOnlyRootFilesystem"] is True, key
            assert held["allowPrivilegeEscalation"] is False, key
            assert held["capabilities"] == {"drop": ["ALL"]}, key
            assert "limits" in container["resources"], key


def test_a_worker_knows_no_api_key_and_reaches_redis_alone(compose: dict[str, Any], objects: Objects) -> None:
    service = compose["services"]["worker"]
    assert service["secrets"] == ["redis_password"]
    assert service["networks"] == ["queue"]
    assert compose["networks"]["queue"] == {"internal": True}
    pod = objects["Deployment", "worker"]["spec"]["template"]["spec"]
    (secret,) = [one["secret"] for one in pod["volumes"] if "secret" in one]
    assert [item["key"] for item in secret["items"]] == ["redis_password"]
    policy = objects["NetworkPolicy", "worker"]["spec"]
    assert "Egress" in policy["policyTypes"]


def test_no_secret_stands_in_the_files(compose: dict[str, Any]) -> None:
    """They are files of a folder that git passes over."""
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert all(one["file"].startswith("./deploy/secrets/") for one in compose["secrets"].values())
    assert {"/deploy/secrets/", "/deploy/kubernetes/secrets/"} <= set(ignored)


def test_every_file_that_is_mounted_exists(compose: dict[str, Any], kustomization: dict[str, Any]) -> None:
    mounted = [volume for service in compose["services"].values() for volume in service.get("volumes", ())]
    files = [volume.partition(":")[0] for volume in mounted if volume.startswith("./")]
    assert len(files) >= 5
    folder = ROOT / "deploy/kubernetes"
    configured = [name for one in kustomization["configMapGenerator"] for name in one["files"]]
    paths = [*(ROOT / file for file in files), *(folder / name for name in kustomization["resources"] + configured)]
    assert [path for path in paths if not path.is_file()] == []


def test_a_workers_seccomp_profile_is_the_one_of_the_sandbox(compose: dict[str, Any], objects: Objects) -> None:
    (option,) = [one for one in compose["services"]["worker"]["security_opt"] if one.startswith("seccomp=")]
    assert (ROOT / option.removeprefix("seccomp=")).is_file()
    pod = objects["Deployment", "worker"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["seccompProfile"]["localhostProfile"] == Path(option).name
    assert pod["hostUsers"] is False  # without it Kubernetes refuses the unmasked /proc


def test_both_redises_keep_what_was_admitted() -> None:
    for path in ("deploy/redis.conf", "deploy/kubernetes/redis.conf"):
        said = dict(re.findall(r"^(\S+) (.*)$", (ROOT / path).read_text(), re.MULTILINE))
        assert (said["appendonly"], said["maxmemory-policy"]) == ("yes", "noeviction")
        assert "maxmemory" in said


def test_secrets_are_made_once(tmp_path: Path, compose: dict[str, Any], kustomization: dict[str, Any]) -> None:
    def made() -> dict[str, str]:
        subprocess.run([ROOT / "deploy/make-secrets", tmp_path / "secrets"], check=True, capture_output=True)
        return {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}

    first = made()
    assert set(first) == set(compose["secrets"])
    (generator,) = kustomization["secretGenerator"]
    assert {Path(file).name for file in generator["files"]} <= set(first)
    keys = Settings(api_keys_file=tmp_path / "secrets/api_keys").api_keys
    assert [key.get_secret_value() for key in keys][1] == first["metrics_key"]
    assert made() == first
