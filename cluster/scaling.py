"""`redshank scale`: asks a server on this machine for another number of shards."""

from __future__ import annotations

import http.client
from pathlib import Path

import click

from cluster.config import load
from cluster.errors import UserError
from cluster.listening import joined
from cluster.sources import host_and_port
from detections.catalogue import CATALOGUE
from detections.words import counted


def ask(config: Path, shards: int) -> int:
    """0 if the server will. Raises UserError where nobody answers, or one who will not."""
    host, port = host_and_port(load(config, frozenset(CATALOGUE)).serve.listen, "[serve] listen")
    connection = http.client.HTTPConnection(
        host if host not in ("0.0.0.0", "::") else "127.0.0.1", port, timeout=10
    )
    try:
        connection.request("POST", f"/scale?shards={shards}", headers={"X-Redshank": "scale"})
        answer = connection.getresponse()
        words = answer.read(1_000).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        raise UserError(f"{joined(host, port)}: no server of Redshank answers there ({error})") from None
    finally:
        connection.close()
    if answer.status != 202:
        raise UserError(f"{joined(host, port)}: refused ({answer.status}: {words})")
    click.echo(
        f"going on with {counted(shards, 'shard')} after the next checkpoint; `redshank status` shows it"
    )
    return 0
