"""The rules that keep replays exact: who may import what, and no clock where time is an argument."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "ingest": {"ingest"},
    "baselines": {"baselines"},
    "detections": {"detections", "baselines", "ingest"},
    "alerts": {"alerts", "detections", "ingest"},
    "actors": {"actors", "alerts", "detections", "baselines", "ingest"},
    "simulation": {"simulation", "ingest"},
}
OURS = {*ALLOWED, "cluster", "console"}
CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
UNSEEDED = {"uuid.uuid4", "random.random", "random.choice", "os.urandom"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def called(path: Path) -> set[str]:
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {ast.unparse(call.func) for call in calls}


@pytest.mark.parametrize("package", ALLOWED)
def test_a_layer_imports_only_what_lies_below_it(package: str) -> None:
    for path in modules(package):
        foreign = (imported(path) & OURS) - ALLOWED[package]
        assert not foreign, f"{path.relative_to(ROOT)} imports {foreign}"


CONSOLE_MAY = {"alerts", "detections", "console", "ingest"}
OF_CLUSTER = {"cluster.asked", "cluster.config", "cluster.config_tables", "cluster.errors"}
NAMES_CONSOLE = {"consoling.py", "console_health.py", "console_people.py", "report_making.py"}


def test_the_console_is_told_what_it_needs_and_nothing_needs_it() -> None:
    for path in modules("console"):
        foreign = (imported(path) & OURS) - CONSOLE_MAY - {"cluster"}
        assert not foreign, f"{path.relative_to(ROOT)} imports {foreign}"
        whole = {n.module for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)}
        from_cluster = {name for name in whole if name and name.startswith("cluster")}
        assert from_cluster <= OF_CLUSTER, f"{path.relative_to(ROOT)} imports {from_cluster}"
    users = {path.name for path in modules("cluster") if "console" in imported(path)}
    assert users == NAMES_CONSOLE


@pytest.mark.parametrize("package", ["ingest", "baselines", "detections", "alerts", "actors", "simulation"])
def test_ray_stays_in_one_module_of_the_core(package: str) -> None:
    users = [path for path in modules(package) if "ray" in imported(path)]
    assert users == ([ROOT / "actors" / "remote.py"] if package == "actors" else [])


@pytest.mark.parametrize("package", ["ingest", "baselines", "detections", "alerts", "actors"])
def test_no_clock_and_no_chance_in_the_core(package: str) -> None:
    for path in modules(package):
        calls = called(path)
        assert not calls & (CLOCKS | UNSEEDED), path
        assert "hash" not in calls, f"{path}: hash() differs from process to process"


def test_nothing_is_ever_unpickled_from_a_file() -> None:
    for package in OURS:
        for path in modules(package):
            assert not imported(path) & {"pickle", "cloudpickle", "dill", "joblib"}, path


def test_the_lock_leaves_out_what_each_process_of_ray_would_build() -> None:
    """jsonschema, which Ray imports, makes a grammar of it wherever it is installed: 1.1 s in each of ten processes."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    heavy = [line for line in lines if line.startswith(("rfc3987-syntax", "lark"))]
    assert all("sys_platform == 'never'" in line for line in heavy), (
        "see [tool.uv] in pyproject.toml; `make lock`"
    )
    assert any(line.startswith("jsonschema==") for line in lines)
