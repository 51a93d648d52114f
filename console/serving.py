"""The console's web server: in this thread until it is told to stop, or beside something else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

AT_ONCE = 200  # connections; more are turned away
START_S = 10.0


class CantListenError(Exception):
    """Why it can't."""


class _Server(uvicorn.Server):
    """Who waits for news is let go before it ends."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.app.state.stopping.set()  # type: ignore[union-attr]
        await super().shutdown(sockets)


def _server(app: FastAPI, certificate: str | None, key: str | None) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=AT_ONCE,
        timeout_graceful_shutdown=2,
        proxy_headers=False,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        lifespan="on",
    )
    try:
        config.load()
    except (OSError, ValueError) as error:
        raise CantListenError(f"certificate or key can't be used: {error}") from None
    return _Server(config)


def _socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise CantListenError(
            f"can't listen on {host} port {port} for the console: {str(why).lower()}"
        ) from None
    return found


def serve(app: FastAPI, host: str, port: int, certificate: str | None, key: str | None, ready: Any) -> None:
    """Until it is told to stop. `ready` is called once it can be asked. Raises CantListenError."""
    server = _server(app, certificate, key)
    listening = _socket(host, port)
    ready()
    server.run(sockets=[listening])


@contextmanager
def serving(app: FastAPI, host: str, port: int, certificate: str | None, key: str | None) -> Iterator[int]:
    """Answer while the context lasts; the port (0 takes any that is free). Raises CantListenError."""
    server = _server(app, certificate, key)
    listening = _socket(host, port)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="console", daemon=True)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(START_S)
