"""`python -m benchmarks.raylets N detect ...`: redshank over a Ray cluster of N raylets on this machine, begun for it."""

from __future__ import annotations

import os
import sys

from cluster.ray_start import SETTINGS


def main() -> None:
    """Ends with the command's exit status."""
    os.environ["RAY_AUTH_MODE"] = "disabled"  # nobody else is to reach this cluster
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    from ray.cluster_utils import Cluster

    from cluster.cli import main as redshank

    many, *words = sys.argv[1:]
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": os.cpu_count()})
    try:
        for _ in range(int(many) - 1):
            cluster.add_node(num_cpus=os.cpu_count())
        cluster.wait_for_nodes()
        sys.argv = ["redshank", *words, "--address", cluster.address]
        redshank()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
