"""What a server takes at one moment: memory, descriptors and threads of all its processes, queues, files."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.descendants import descendants

MB = 1 << 20
ROLES = (  # what a command line has, and what it is then called
    ("ray::RemoteReader", "reader"),
    ("ray::RemoteShard", "shard"),
    ("ray::RemoteRouter", "router"),
    ("ray::RemoteFeeder", "router"),
    ("ray::RemoteAggregator", "aggregator"),
    ("gcs_server", "control service"),
    ("raylet/raylet", "raylet"),
    ("log_monitor", "Ray's log monitor"),
    ("agent", "Ray's agents"),
    ("ray::", "idle workers"),
)
Figures = dict[str, float]


def family(pid: int) -> Iterator[tuple[int, str]]:
    """A process and all below it, with what each is."""
    yield pid, "driver"
    for child, said in descendants(pid):
        yield child, next((role for mark, role in ROLES if mark in said), "other")


def processes(pid: int) -> Figures:
    """Of all of them together, and the memory of each kind; what is shared counts once."""
    found: Figures = {"processes": 0, "descriptors": 0, "sockets": 0, "threads": 0, "memory, all (MB)": 0}
    for one, role in family(pid):
        with suppress(OSError):
            folder = Path("/proc", str(one))
            links = [_link(link) for link in (folder / "fd").iterdir()]
            rollup = (folder / "smaps_rollup").read_text()
            memory = _field(rollup, "Pss") / 1024
            found["processes"] += 1
            found["descriptors"] += len(links)
            found["sockets"] += sum(link.startswith("socket:") for link in links)
            found["threads"] += _field((folder / "status").read_text(), "Threads")
            found["memory, all (MB)"] += memory
            name = f"memory, {role} (MB)"
            found[name] = found.get(name, 0.0) + memory
    return found


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""  # closed meanwhile


def _field(text: str, name: str) -> float:
    match = re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)
    return float(match[1]) if match else 0.0


def metrics(port: int) -> Figures:
    """What the server says of itself; of what has labels, the sum, each under NAME:VALUE, the largest under NAME:max."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found: Figures = {}
    for family_ in text_string_to_metric_families(text):
        for sample in family_.samples:
            name = sample.name.removeprefix("redshank_")
            found[name] = found.get(name, 0.0) + sample.value
            for value in sample.labels.values():
                found[f"{name}:{value}"] = sample.value
            found[f"{name}:max"] = max(found.get(f"{name}:max", sample.value), sample.value)
    return found


def octets(paths: Iterable[Path]) -> tuple[int, int]:
    """Octets and number of all files under some paths."""
    size = count = 0
    for path in paths:
        for one in [path] if path.is_file() else path.rglob("*"):
            with suppress(OSError):
                if one.is_file() and not one.is_symlink():
                    size += one.stat().st_size
                    count += 1
    return size, count
