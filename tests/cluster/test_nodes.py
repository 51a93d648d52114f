"""A run over several Ray nodes, of which whole ones are killed: it goes on with those that are left."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from benchmarks.chaos import configured, undisturbed
from benchmarks.ports import free_port
from cluster.ray_start import SETTINGS
from cluster.simulating import run as simulate

SCRIPT = """
import sys, time, json
from pathlib import Path
import ray
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
cluster.wait_for_nodes()
from rich.console import Console
from cluster.detect import Options, prepared
from cluster.reporting import Result, report
from contextlib import ExitStack

inputs, config, state, alerts = sys.argv[1:]
options = Options([inputs], Path(config), Path(alerts), 4, "ray", cluster.address, state, False)
console = Console(stderr=True)
with ExitStack() as stack:
    run = prepared(options, console, stack)
    run.start()
    progress = run.advance(20)
    while run._manifest is None and not progress.done:
        progress = run.advance(20)
    killed = 0
    while nodes and not progress.done:
        node, deaths = nodes.pop(), run.deaths
        cluster.remove_node(node, allow_graceful=False)
        killed += 1
        # Until Ray knows of it, what was on the node may live on, on a busy machine to the end of the run.
        while any(one["Alive"] and one["NodeID"] == node.node_id for one in ray.nodes()):
            time.sleep(0.1)
        end = time.monotonic() + 60
        while run.deaths == deaths and not progress.done and time.monotonic() < end:
            progress = run.advance(5)
    while not progress.done:
        progress = run.advance(200)
    outcome = run.finish()
    result = Result(outcome, progress.counts, [*run.runtime.rejected, *run.rejected], [])
    report(result, Path(alerts), True, console, console)
    run.deliver()
    print(json.dumps({"killed": killed, "deaths": run.deaths, "read": progress.counts.read}))
"""


def test_killed_nodes_cost_no_alert(tmp_path: Path) -> None:
    simulate(tmp_path / "telemetry", 6, 5, ())
    telemetry = str(tmp_path / "telemetry")
    config = configured(tmp_path / "telemetry" / "redshank.toml", tmp_path, every_s=0.2)
    alone = undisturbed([telemetry], config, tmp_path / "alone", "--runtime", "loop")
    script = tmp_path / "nodes.py"
    script.write_text(SCRIPT)
    words = [telemetry, str(config), str(tmp_path / "state"), str(tmp_path / "alerts.jsonl")]
    soon = {"RAY_health_check_initial_delay_ms": "0", "RAY_health_check_period_ms": "500"}
    soon |= {"RAY_health_check_timeout_ms": "1000", "RAY_health_check_failure_threshold": "10"}
    done = subprocess.run(
        [sys.executable, str(script), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        env={**SETTINGS, **os.environ, **soon, "RAY_AUTH_MODE": "disabled"},
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    assert (tmp_path / "alerts.jsonl").read_bytes() == alone.alerts
    told = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    assert told["killed"] >= 1
    assert told["deaths"] >= 1, "the nodes that were killed had work"


PORTS = """
import json, os, socket, sys
from pathlib import Path
import ray
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
for _ in range(2):
    cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
os.environ["RAY_ADDRESS"] = cluster.address
from ray._private.state import actors
from actors.settings import Settings
from cluster.ray_runtime import RayRuntime
from ingest.enrich import EnrichmentSettings
from ingest.live_sources import LiveSources

found = {}
for ports in ((), (("127.0.0.1", int(sys.argv[2])),)):
    sources = LiveSources((), ports, Path(sys.argv[1]) / "journal", 1 << 20, lambda: 1)
    runtime = RayRuntime(sources, Settings(shards=3, streaming=True), EnrichmentSettings())
    runtime.start()
    runtime.stats()
    runtime.teach(())
    runtime.fresh()  # so readers, shards and the aggregator have answered: till then they may be on their way
    here = ray.get_runtime_context().get_node_id()
    alive = [one for one in actors().values() if one["State"] == "ALIVE"]
    nodes = lambda kind: [one["Address"]["NodeID"] for one in alive if kind in one["ActorClassName"]]
    found[len(ports)] = {"readers": [one == here for one in nodes("RemoteReader")],
                         "all by node": sorted(map(nodes("Remote").count, set(nodes("Remote")))),
                         "shards by node": sorted(map(nodes("RemoteShard").count, set(nodes("RemoteShard"))))}
    runtime.stop()
print(json.dumps(found))
"""


def test_ports_are_listened_on_where_the_driver_is_and_shards_are_spread(tmp_path: Path) -> None:
    """Exporters send to the driver's machine: a port that another node listens on hears nothing, for ever."""
    port = str(free_port(socket.SOCK_DGRAM))
    done = subprocess.run(
        [sys.executable, "-c", PORTS, str(tmp_path), port],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={**SETTINGS, **os.environ, "RAY_AUTH_MODE": "disabled"},
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["1"]["readers"] == [True] * 3
    assert found["0"]["readers"] == [False] * 3, "else they are where there are processors, as the shards are"
    assert [one["shards by node"] for one in found.values()] == [[1, 2]] * 2, (
        "and the cluster is named by RAY_ADDRESS"
    )
    assert found["0"]["all by node"] == [4, 4], "one node had a shard, and all the others of their kinds"
