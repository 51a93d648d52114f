"""A local Ray begins without the processes that nobody needs of it: seconds of each start, and memory of a server."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

METHODS = ("start_api_server", "start_monitor", "start_log_monitor")
NEEDLESS = ("/dashboard.py", "/monitor.py", "/log_monitor.py")
RUN = """
import json, os, sys
from benchmarks.descendants import descendants
from cluster import ray_start
ray_start._NEEDLESS = tuple(sys.argv[1:])
ray = ray_start.start(None)
from ray._private.node import Node
after = [getattr(Node, name).__name__ for name in ("start_api_server", "start_monitor", "start_log_monitor")]
added, gives_way = ray.get(ray.remote(num_cpus=0)(lambda number: (number + 1, os.nice(0))).remote(1))
commands = [command for _, command in descendants(os.getpid())]
ray.shutdown()
print(json.dumps([added, gives_way - os.nice(0), commands, after]))
"""


def started(*needless: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", RUN, *needless], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.ray
@pytest.mark.parametrize("needless", [METHODS, ("start_api_server", "of another Ray")])
def test_ray_works_whether_or_not_it_can_do_without(needless: tuple[str, ...]) -> None:
    added, gives_way, commands, after = started(*needless)
    assert added == 2
    assert gives_way == 0, "what else the machine does would keep the actors from working"
    assert any("gcs_server" in command for command in commands)
    found = [name for name in NEEDLESS if any(name in command for command in commands)]
    assert found == ([] if needless == METHODS else [*NEEDLESS])
    assert after == [*METHODS], "who starts a Ray of their own in this process has all of it"
