"""Ray, started quietly for a run or joined where it is."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.errors import LostError, UserError

_COLOURS = re.compile("\x1b\\[[0-9;]*m")  # Ray's messages have them wherever they go
SETTINGS = {  # of Ray, where the user has not said otherwise
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    # Ray gives way to everything else on the machine (15): beside two busy processes on two cores a run takes five times as long and more.
    "RAY_worker_niceness": "0",
    # Of each call the control service keeps what a dashboard would show: 80 MB a minute of a server.
    "RAY_task_events_report_interval_ms": "0",
    # Each process writes what its event loop did to its log every minute: 200 MB a day of them all.
    "RAY_event_stats_print_interval_ms": "3600000",  # not -1: the control service would print without a pause
    "RAY_ROTATION_MAX_BYTES": str(16 << 20),
    "RAY_ROTATION_BACKUP_COUNT": "1",
}


def _token_is_here() -> bool:
    """Whether this user has a token for Ray clusters, where Ray itself looks for it."""
    named = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    return bool(named) or (Path.home() / ".ray" / "auth_token").is_file()


def _reach(address: str) -> None:
    """Ray itself tries for minutes. Raises UserError where nobody listens at host:port."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # 'auto' and the like are Ray's own
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"--address {address}: nobody answers there ({error})") from None


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Ray takes SIGTERM for a crash of its own, from its start on: who stops a run would abort it. While it starts it leaves
    with the signal's number: then who had the signal before is told."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    stops = before[signal.SIGTERM]
    try:
        yield
        return
    except SystemExit as left:
        if left.code != signal.SIGTERM or not callable(stops):
            raise
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                if handler is not None:  # else nobody here has set it
                    signal.signal(number, handler)
    stops(signal.SIGTERM, None)
    raise InterruptedError("it was told to stop while it started")


# What Ray starts beside its own work: a dashboard's server although none is wanted, what asks a cloud for more
# machines, and what sends workers' output to the driver, which we don't have sent. 1.6 s of a start and an end,
# and 150 MB. There is no public way to do without.
_NEEDLESS = ("start_api_server", "start_monitor", "start_log_monitor")


@contextmanager
def _lean() -> Iterator[None]:
    """A local Ray begins without what nobody needs of it; where a Ray has no such methods it begins as it is."""
    from ray._private.node import Node

    given = {name: getattr(Node, name, None) for name in _NEEDLESS}

    def nothing(node: Any, **_: Any) -> None:
        node._webui_url = ""  # as of a Ray without a dashboard

    if not all(given.values()):
        yield
        return
    try:
        for name in given:
            setattr(Node, name, nothing)
        yield
    finally:
        for name, method in given.items():
            setattr(Node, name, method)


def started_again(address: str | None) -> Any:
    """Ray, after it has died. What keeps it from coming up, a busy machine say, may be over when it is tried again."""
    try:
        return start(address)
    except UserError as error:
        raise LostError(str(error)) from None


def start(address: str | None) -> Any:
    """Ray, started quietly here or joined at an address: the one given, or RAY_ADDRESS."""
    address = address or os.environ.get("RAY_ADDRESS")
    # Ray's workers must be the interpreter and the packages of this environment, and it must not phone home.
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    if not address:  # by default it waits a minute for a control service that is dead
        os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", "5")
    if address:
        _reach(address)
        if _token_is_here():
            # A cluster started with `ray start` asks for the token by default; Ray's client does not offer it.
            os.environ.setdefault("RAY_AUTH_MODE", "token")
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    # What the raylet says of a death would stand among the alerts on standard output; we say it ourselves.
    ray._private.worker._worker_logs_enabled = False
    try:
        _init(ray, address)
    except Exception as error:  # a bare one where a machine is so busy that its processes don't come up
        where = f"--address {address}" if address else "a local Ray"
        hint = (
            "; if the cluster asks for a token, set RAY_AUTH_MODE and RAY_AUTH_TOKEN_PATH" if address else ""
        )
        raise UserError(f"{where}: could not be reached ({in_a_line(error)}){hint}") from None
    return ray


def _init(ray: Any, address: str | None) -> None:
    """Join Ray, or start it: once more where it does not come up, for what keeps it from that may be over then."""
    about: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    with warnings.catch_warnings(), _handlers_kept():
        warnings.simplefilter("ignore")
        if address:
            ray.init(address=address, **about)
            return
        # "local": without it Ray joins whatever cluster it last heard of, a dead one too.
        about |= {"address": "local", "include_dashboard": False}
        try:
            with _lean():
                ray.init(**about)
        except Exception:  # the second time with all that Ray has, should it be that
            ray.shutdown()
            ray.init(**about)


def in_a_line(error: Exception) -> str:
    """What an error of Ray says, short enough for one line."""
    lines = _COLOURS.sub("", str(error).strip() or type(error).__name__).splitlines()
    # An actor that could not begin has a traceback: its end says why (another version on that node, no module).
    return f"{lines[0]}: {lines[-1].strip()}" if "creation task" in lines[0] and len(lines) > 1 else lines[0]
