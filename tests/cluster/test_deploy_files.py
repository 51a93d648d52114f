"""The files in `cluster/deploy/` against what they stand on: Ray's schema, its flags and variables, our own command."""

from __future__ import annotations

import json
import mmap
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import ray
import yaml

from cluster.cli import cli
from cluster.config import load
from detections.catalogue import CATALOGUE

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "cluster" / "deploy"
RAY = Path(ray.__file__).parent
CLUSTERS = ["ray-cluster.yaml", "ray-cluster-local.yaml"]
CRD = "RAYCLUSTER_CRD"  # names a copy of KubeRay's ray.io_rayclusters.yaml

Document = dict[str, Any]


@cache
def manifest() -> list[Document]:
    return list(yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text()))


def of_kind(kind: str) -> list[Document]:
    return [document for document in manifest() if document["kind"] == kind]


def the(kind: str, name: str) -> Document:
    return next(document for document in of_kind(kind) if document["metadata"]["name"] == name)


def groups() -> list[Document]:
    spec = the("RayCluster", "redshank")["spec"]
    return [spec["headGroupSpec"], *spec["workerGroupSpecs"]]


def pods() -> list[Document]:
    whole = [*of_kind("Deployment"), *of_kind("StatefulSet")]
    return [*(group["template"] for group in groups()), *(one["spec"]["template"] for one in whole)]


def containers() -> list[Document]:
    return [container for pod in pods() for container in pod["spec"]["containers"]]


def size(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(m|Mi|Gi|)", text).groups()  # type: ignore[union-attr]
    return int(number) * {"m": 0.001, "Mi": 2**20, "Gi": 2**30, "": 1}[unit]


def lines_with(word: str, text: str) -> list[list[str]]:
    """What follows `word` in each command of a text that calls it, in words."""
    calls = re.findall(rf"(?:^|[\s/;]){word} ([^;`\n]+)", text, re.MULTILINE)
    return [shlex.split(call, comments=True) for call in calls]


def ray_flags(command: str) -> set[str]:
    from ray.scripts.scripts import cli as rays

    found = rays.commands[command].params
    return {flag for parameter in found for flag in [*parameter.opts, *parameter.secondary_opts]}


def prose() -> str:
    return "\n".join(path.read_text() for path in sorted(DEPLOY.iterdir()))


# Ray's cluster launcher


@pytest.mark.parametrize("name", CLUSTERS)
def test_ray_up_takes_the_cluster(name: str) -> None:
    config = yaml.safe_load((DEPLOY / name).read_text())
    schema = json.loads((RAY / "autoscaler" / "ray-schema.json").read_text())
    if config["provider"]["type"] == "local":  # two keys that Ray takes off before it validates
        config = {key: value for key, value in config.items() if key != "min_workers"}
    jsonschema.validate(config, schema)


@pytest.mark.parametrize("name", CLUSTERS)
def test_every_node_asks_for_the_token_and_has_it(name: str) -> None:
    config = yaml.safe_load((DEPLOY / name).read_text())
    assert "~/.ray/auth_token" in config["file_mounts"]
    for commands in ("head_start_ray_commands", "worker_start_ray_commands"):
        assert "RAY_AUTH_MODE=token" in config[commands][-1]


@pytest.mark.parametrize("name", CLUSTERS)
def test_ray_knows_each_flag_of_its_start(name: str) -> None:
    config = yaml.safe_load((DEPLOY / name).read_text())
    for commands in ("head_start_ray_commands", "worker_start_ray_commands"):
        (words,) = lines_with("ray start", config[commands][-1])
        assert {word.split("=")[0] for word in words} <= ray_flags("start")
    assert "--include-dashboard=false" in config["head_start_ray_commands"][-1]


def test_no_node_on_azure_has_a_public_address() -> None:
    assert yaml.safe_load((DEPLOY / "ray-cluster.yaml").read_text())["provider"]["use_internal_ips"] is True


# Kubernetes


@pytest.mark.skipif(CRD not in os.environ, reason=f"{CRD} does not name a copy of KubeRay's CRD")
def test_kuberay_takes_the_cluster() -> None:
    crd = yaml.safe_load(Path(os.environ[CRD]).read_text())
    version = next(one for one in crd["spec"]["versions"] if one["name"] == "v1")
    jsonschema.validate(the("RayCluster", "redshank"), version["schema"]["openAPIV3Schema"])


def test_kubernetes_takes_all_else() -> None:
    kubernetes = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for document in manifest():
        if document["kind"] != "RayCluster":
            kubernetes.validate(document, "1.32", strict=True)
    for pod in pods():
        whole = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": pod["spec"]}
        kubernetes.validate(whole, "1.32", strict=True)


def test_the_cluster_says_only_what_kuberay_reads() -> None:
    spec = the("RayCluster", "redshank")["spec"]
    assert spec.keys() == {"authOptions", "gcsFaultToleranceOptions", "headGroupSpec", "workerGroupSpecs"}
    assert spec["authOptions"] == {"mode": "token"}
    for group in groups():
        sizes = {"groupName", "replicas", "minReplicas", "maxReplicas"}
        assert group.keys() <= {"rayStartParams", "template", *sizes}
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        assert {f"--{name}" for name in group["rayStartParams"]} <= ray_flags("start")
        assert "redis-password" not in group["rayStartParams"]  # KubeRay refuses it beside the options


def test_whatever_is_named_is_there() -> None:
    claims = {one["metadata"]["name"] for one in of_kind("PersistentVolumeClaim")}
    configs = {one["metadata"]["name"] for one in of_kind("ConfigMap")}
    for pod in pods():
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])} | {"data": {}}
        for container in pod["spec"]["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys()
        for volume in volumes.values():
            assert volume.get("persistentVolumeClaim", {}).get("claimName", "redshank-state") in claims
            assert volume.get("configMap", {}).get("name", "redshank-config") in configs


def test_services_lead_to_pods_that_listen() -> None:
    for service in of_kind("Service"):
        selector = service["spec"]["selector"].items()
        behind = [pod for pod in pods() if selector <= pod["metadata"]["labels"].items()]
        ports = {port["name"] for pod in behind for one in pod["spec"]["containers"] for port in one["ports"]}
        assert len(behind) == 1
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_the_ports_agree() -> None:
    redis = the("RayCluster", "redshank")["spec"]["gcsFaultToleranceOptions"]["redisAddress"]
    assert redis == f"redis:{the('Service', 'redis')['spec']['ports'][0]['port']}"
    driver = the("Deployment", "redshank-driver")["spec"]["template"]["spec"]["containers"][0]
    address = next(one["value"] for one in driver["env"] if one["name"] == "RAY_ADDRESS")
    assert address == f"redshank-head-svc:{groups()[0]['rayStartParams']['port']}"
    raylets = [group["rayStartParams"]["node-manager-port"] for group in groups()]
    assert f"--node-manager-port={raylets[0]}" in driver["args"][0]
    probe = groups()[1]["template"]["spec"]["containers"][0]["livenessProbe"]
    assert probe["tcpSocket"]["port"] == int(raylets[1])
    for name in CLUSTERS:
        assert (DEPLOY / name).read_text().count(f"--node-manager-port={raylets[0]}") == 2


def test_the_object_store_fits_into_its_memory() -> None:
    for group in groups():
        spec = group["template"]["spec"]
        shared = next(one["emptyDir"]["sizeLimit"] for one in spec["volumes"] if one["name"] == "shm")
        memory = spec["containers"][0]["resources"]["limits"]["memory"]
        assert int(group["rayStartParams"]["object-store-memory"]) < size(shared) < size(memory) / 2


def test_every_container_says_what_it_needs_and_may_do_nothing_more() -> None:
    for container in containers():
        assert container["resources"]["requests"].keys() == container["resources"]["limits"].keys()
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    for pod in pods():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["automountServiceAccountToken"] is False


def test_one_pod_at_a_time_may_be_drained() -> None:
    workers = sum(group["replicas"] for group in groups()[1:])
    assert the("PodDisruptionBudget", "redshank")["spec"]["minAvailable"] == workers


def test_only_the_cluster_and_the_driver_reach_ray() -> None:
    mark = {"app.kubernetes.io/part-of": "redshank"}
    spec = the("NetworkPolicy", "redshank-ray")["spec"]
    assert spec["podSelector"] == {"matchLabels": mark}
    assert spec["ingress"] == [{"from": [{"podSelector": {"matchLabels": mark}}]}]
    marked = [pod for pod in pods() if mark.items() <= pod["metadata"]["labels"].items()]
    assert len(marked) == len(groups()) + 1  # the driver


def test_the_configuration_is_one(tmp_path: Path) -> None:
    (tmp_path / "redshank.toml").write_text(the("ConfigMap", "redshank-config")["data"]["redshank.toml"])
    assert load(tmp_path / "redshank.toml", frozenset(CATALOGUE)).inventory.networks


def test_the_driver_starts_with_the_configuration_as_it_is(tmp_path: Path) -> None:
    """It has something to read, and writes only where a volume that all pods mount may be written to."""
    text = the("ConfigMap", "redshank-config")["data"]["redshank.toml"]
    (tmp_path / "redshank.toml").write_text(text)
    configuration = load(tmp_path / "redshank.toml", frozenset(CATALOGUE))
    driver = the("Deployment", "redshank-driver")["spec"]["template"]["spec"]["containers"][0]
    mounts = {one["mountPath"]: one for one in driver["volumeMounts"]}
    assert not mounts["/state"].get("readOnly")
    written = configuration.serve.alerts, configuration.serve.journal, configuration.checkpoints.store
    assert all(str(place).startswith("/state/") for place in written)
    ports = {one["name"]: one["containerPort"] for one in driver["ports"]}
    assert f"udp://0.0.0.0:{ports['ipfix']}" in {one.ipfix for one in configuration.sources}
    assert configuration.serve.listen == f"0.0.0.0:{ports['metrics']}", (
        "the kubelet asks from outside the pod"
    )
    workers = [group for group in groups() if group["rayStartParams"].get("num-cpus") != "0"]
    cores = sum(
        group["replicas"] * size(group["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"])
        for group in workers
    )
    assert configuration.serve.shards == cores


def test_the_unit_and_the_page_that_tells_of_it_agree_on_where_is_written(tmp_path: Path) -> None:
    """`ProtectSystem=strict` and `DynamicUser` let it write to its own folder and nowhere else."""
    page = (ROOT / "docs" / "cluster.md").read_text()
    text = next(one for one in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "redshank.toml" in one)
    (tmp_path / "redshank.toml").write_text(text)
    configuration = load(tmp_path / "redshank.toml", frozenset(CATALOGUE))
    assert configuration.sources
    state = re.search(r"^StateDirectory=(.*)$", (DEPLOY / "redshank.service").read_text(), re.MULTILINE)
    assert state is not None
    written = configuration.serve.alerts, configuration.serve.journal, configuration.checkpoints.store
    assert all(str(place).startswith(f"/var/lib/{state[1]}/") for place in written)


# What all of them say


def test_ray_reads_each_variable() -> None:
    names = set(re.findall(r"\bRAY_[A-Za-z_]+\b", prose())) - {"RAY_HEAD_IP"}  # which `ray up` sets itself
    sources = [
        path.read_text() for folder in ("_private", "_common") for path in (RAY / folder).rglob("*.py")
    ]
    with (
        (RAY / "_raylet.so").open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as core,
    ):
        unknown = {name for name in names if core.find(name.encode()) < 0}
    assert {name for name in unknown if not any(name in text for text in sources)} == set()


@pytest.mark.parametrize(
    "name", ["Containerfile", "redshank.service", "ray-cluster.yaml", "ray-cluster-local.yaml"]
)
def test_wherever_ray_starts_it_keeps_no_calls_and_gives_way_to_nothing(name: str) -> None:
    """Else its control service grows by 80 MB a minute, and actors stand still beside other work."""
    starts = [
        line
        for line in (DEPLOY / name).read_text().splitlines()
        if "RAY_task_events_report_interval_ms=0" in line
    ]
    assert starts
    assert all("RAY_worker_niceness=0" in line for line in starts)


def test_redshank_knows_each_of_its_commands() -> None:
    start = re.findall(r"^ExecStart=(.*)$", (DEPLOY / "redshank.service").read_text(), re.MULTILINE)
    calls = lines_with("redshank", start[0]) + lines_with("exec redshank", prose())
    assert calls == [["serve", "--config", "/etc/redshank/redshank.toml"]] * 2
    serve = cli.commands.get("serve")
    if serve is None:
        pytest.skip("`redshank serve` is not there yet")
    for call in calls:
        serve.make_parser(click.Context(serve)).parse_args(call[1:])


def test_the_image_has_every_package_and_the_wheel_these_files() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert "cluster" in packages
    assert re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE) == packages


def test_the_image_is_compiled_once() -> None:
    """Nobody writes bytecode at run time: without it in the image each process compiles all of Ray when it starts."""
    text = (DEPLOY / "Containerfile").read_text()
    assert "PYTHONDONTWRITEBYTECODE=1" in text
    assert re.search(r"pip install .*--compile --prefix /install redshank", text)


def test_the_image_runs_as_the_user_that_kubernetes_names() -> None:
    user = re.search(r"^USER (\d+):(\d+)$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    assert user is not None
    for pod in pods():
        if "redshank" in pod["spec"]["containers"][0]["image"]:
            assert [pod["spec"]["securityContext"][key] for key in ("runAsUser", "runAsGroup")] == [
                int(user[1]),
                int(user[2]),
            ]


def test_the_image_is_named_once_for_all() -> None:
    images = [one["image"] for one in containers() if "redshank" in one["image"]]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert images == [f"registry.example.com/redshank:{version}"] * 3


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "redshank.service"
    text = (DEPLOY / "redshank.service").read_text()
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
