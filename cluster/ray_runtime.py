"""A run on Ray: a local one that is started for it, or a cluster that is named."""

from __future__ import annotations

import logging
import os
import socket
import warnings
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from actors.aggregator import Outcome
from actors.conductor import Progress
from actors.keys import shard_of
from actors.memory import building
from actors.settings import Settings
from cluster.errors import UserError
from cluster.local import unpack_router
from cluster.state import Saved
from ingest.enrich import Enrichment, EnrichmentSettings


class RayRuntime:
    """One run over files as Ray actors. Actors are never restarted behind our back: a death is an error."""

    def __init__(
        self,
        paths: list[str],
        settings: Settings,
        enrichment: EnrichmentSettings,
        saved: Saved | None,
        address: str | None = None,
    ) -> None:
        # Built here first: what is wrong with a feed or an inventory is best said before Ray starts.
        with building():
            built, self._rejected = Enrichment.build(enrichment)
        self._ray = start(address)
        from actors.remote import RemoteAggregator, RemoteReader, RemoteRouter, RemoteShard

        # Once for all actors: a large feed takes seconds to read.
        shared = [self._ray.put(built)]

        actor = self._ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0)
        self._shards = [actor(RemoteShard).remote(index, settings) for index in range(settings.shards)]
        readers = min(settings.shards, _files(paths, settings.shards))
        self._readers = [actor(RemoteReader).remote(settings, shared) for _ in range(readers)]
        self._aggregator = actor(RemoteAggregator).remote(settings, shared)
        if saved is not None:
            self._restore(settings, saved)
        self._router = actor(RemoteRouter).remote(
            paths,
            settings,
            shared,
            self._shards,
            self._aggregator,
            self._readers,
            unpack_router(saved),
        )
        self.skipped = self._get(self._router.about.remote())[1]

    def _restore(self, settings: Settings, saved: Saved) -> None:
        calls = [self._aggregator.restore.remote(saved.aggregator)]
        for index, shard in enumerate(self._shards):
            mine = [
                packed
                for group, packed in sorted(saved.groups.items())
                if shard_of(group, settings.shards) == index
            ]
            calls.append(shard.load.remote(mine))
        self._get(calls)

    def advance(self, steps: int) -> Progress:
        """Take so many steps of the stream."""
        progress: Progress = self._get(self._router.advance.remote(steps))
        progress.rejected = [*self._rejected, *progress.rejected]
        self._rejected = []
        return progress

    def save(self) -> Saved:
        """The whole state."""
        router = self._get(self._router.state.remote())
        groups: dict[int, bytes] = {}
        for part in self._get([shard.save.remote() for shard in self._shards]):
            groups.update(part)
        return Saved(msgspec.msgpack.encode(router), self._get(self._aggregator.state.remote()), groups)

    def finish(self) -> Outcome:
        """What the run came to."""
        for shard in self._shards:
            self._get(self._aggregator.report.remote(shard.leftovers.remote(), None))
        outcome: Outcome = self._get(self._aggregator.finish.remote())
        return outcome

    def stop(self) -> None:
        """End the actors, and the local Ray if we started one."""
        for handle in (self._router, self._aggregator, *self._shards, *self._readers):
            self._ray.kill(handle)
        self._ray.shutdown()

    def _get(self, refs: Any) -> Any:
        """Wait for calls; an actor's error is told as what it is, in one line."""
        from ray.exceptions import RayActorError, RayTaskError

        try:
            return self._ray.get(refs)
        except RayTaskError as error:
            cause = error.cause if isinstance(error.cause, Exception) else error
            if isinstance(cause, UserError):
                raise UserError(str(cause)) from None
            raise cause from None
        except RayActorError as error:
            raise UserError(
                f"an actor of the run died ({str(error).splitlines()[0]}); start the run again"
            ) from None


def _files(paths: list[str], most: int) -> int:
    """How many files there are to read, up to so many and at least one: more readers would have nothing to do."""
    found = (file for path in paths for file in ([path] if Path(path).is_file() else Path(path).rglob("*")))
    return max(1, sum(1 for _ in islice(found, most)))


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


def start(address: str | None) -> Any:
    """Ray, started quietly here or joined at an address."""
    # Ray's workers must be the interpreter and the packages of this environment, and it must not phone home.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    if address:
        _reach(address)
        if _token_is_here():
            # A cluster started with `ray start` asks for the token by default; Ray's client does not offer it.
            os.environ.setdefault("RAY_AUTH_MODE", "token")
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if address:
                ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
            else:
                ray.init(include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        where = f"--address {address}" if address else "a local Ray"
        hint = (
            "; if the cluster asks for a token, set RAY_AUTH_MODE and RAY_AUTH_TOKEN_PATH" if address else ""
        )
        raise UserError(f"{where}: could not be reached ({str(error).splitlines()[0]}){hint}") from None
    return ray
