"""The store of checkpoints in S3 and in Azure blob, over the wire."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

import fsspec
import pytest

from cluster.checkpoint_lock import read_lease
from cluster.checkpoints import Damaged, Manifest, Store, StoreError, part_name
from cluster.errors import UserError
from cluster.objects import ObjectPlace
from tests.cluster.killed_writer import hold, write_on
from tests.cluster.object_stores import azure_server, s3_server, without_credentials

FRESH = count()
Server = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module", params=["s3", "azure"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = s3_server() if request.param == "s3" else azure_server(tmp_path_factory.mktemp("azurite"))
    with started as found:
        yield found


@pytest.fixture
def place(server: Server) -> Server:
    """A prefix of its own."""
    return f"{server[0]}/run-{next(FRESH)}/state", server[1]


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.cluster.killed_writer", "s3fs", "adlfs"])
    return context


@contextmanager
def child(
    processes: ForkServerContext, target: Any, *args: Any
) -> Iterator[tuple[ForkServerProcess, Connection]]:
    mine, theirs = processes.Pipe()
    process = processes.Process(target=target, args=(args[0], theirs, *args[1:]), daemon=True)
    process.start()
    theirs.close()
    with mine:
        try:
            yield process, mine
        finally:
            process.kill()
            process.join()


def commit(store: Store, epoch: int, **run: Any) -> Manifest:
    part = store.write(part_name(epoch, "groups-00"), [b"epoch ", b"%d" % epoch])
    manifest = Manifest(epoch, run, b"router", [part])
    store.commit(manifest)
    return manifest


def test_what_was_committed_comes_back_and_what_nobody_needs_goes(place: Server) -> None:
    store = Store(*place)
    assert store.latest() is None
    with store.lock():
        for epoch in range(1, 6):
            commit(Store(*store.spec), epoch, delivered=epoch == 2)
    again = Store(*place)
    assert [manifest.epoch for manifest in again.manifests()] == [5, 4, 2]
    found = again.latest(again.whole)
    assert found is not None
    assert [again.read(part) for part in found.parts] == [b"epoch 5"]
    assert len(_names(place)) == 7
    again.drop_after(2)
    assert len(_names(place)) == 3
    assert again.complaints == []


def test_a_damaged_or_missing_object_is_refused_and_the_one_before_holds(place: Server) -> None:
    store = Store(*place)
    older, newer = commit(store, 1), commit(store, 2)
    files, path = fsspec.core.url_to_fs(place[0], **place[1])
    body = files.cat_file(f"{path}/{newer.parts[0].name}")
    files.pipe_file(f"{path}/{newer.parts[0].name}", body[:-1] + b"x")
    with pytest.raises(Damaged, match="checksum"):
        store.read(newer.parts[0])
    assert store.latest(store.whole).epoch == 1  # type: ignore[union-attr]
    files.rm_file(f"{path}/{newer.parts[0].name}")
    assert store.latest().epoch == 1  # type: ignore[union-attr]
    assert "is missing" in store.complaints[0]
    files.rm_file(f"{path}/{older.parts[0].name}")
    with pytest.raises(Damaged, match="is missing"):
        store.read(older.parts[0])


def test_a_second_run_is_refused_until_the_first_gives_the_store_back(place: Server) -> None:
    first, second = Store(*place), Store(*place)
    with first.lock():
        with (
            pytest.raises(UserError, match=r"another run is using it, on .*; wait for its end"),
            second.lock(),
        ):
            pass
        with pytest.raises(StoreError, match="another run has taken over"):
            commit(second, 1)
    with second.lock():
        commit(second, 1)
    with pytest.raises(StoreError, match=r"another run .* epoch 1"):
        commit(first, 1)


def test_a_lease_is_renewed_while_its_run_lives(place: Server) -> None:
    store = Store(*place, lease=0.6)
    look = ObjectPlace(*place)
    with store.lock():
        first = _until(look)
        deadline = time.monotonic() + 20
        while _until(look) < first + 0.5 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert _until(look) >= first + 0.5
    assert _until(look) == 0


def test_a_killed_run_is_followed_when_its_lease_ends(processes: ForkServerContext, place: Server) -> None:
    with child(processes, hold, (*place, "first", 1.0), 1) as (process, told):
        assert told.recv() == "held"
        process.kill()
        process.join()
    second = Store(*place)
    with pytest.raises(UserError, match="if it has died"), second.lock():
        pass
    with _locked_in_time(second):
        commit(second, 1)


def test_a_run_that_slept_through_its_lease_can_not_commit(
    processes: ForkServerContext, place: Server
) -> None:
    with child(processes, hold, (*place, "sleeper", 1.0), 1) as (process, told):
        assert told.recv() == "held"
        assert process.pid
        os.kill(process.pid, signal.SIGSTOP)
        with _locked_in_time(Store(*place)):
            os.kill(process.pid, signal.SIGCONT)
            told.send("go on")
            assert "another run has taken over" in told.recv()
    assert Store(*place).latest() is None


def test_kills_lose_nothing_that_was_committed(processes: ForkServerContext, place: Server) -> None:
    told, moments = [0], random.Random(3)
    for _ in range(2):
        with child(processes, write_on, (*place, "", 0.4), None) as (process, pipe):
            told += [pipe.recv(), pipe.recv()]
            time.sleep(moments.uniform(0, 0.3))
            process.kill()
            process.join()
            with suppress(EOFError):
                while True:
                    told.append(pipe.recv())
        store = Store(*place)
        found = store.latest(store.whole)
        assert found is not None
        assert found.epoch >= max(told)
        assert store.complaints == []
        with _locked_in_time(store):
            pass


def test_a_bucket_that_is_not_there_is_said(server: Server) -> None:
    store = Store(server[0].replace("box", "nobox"), server[1])
    for use in (store.lock().__enter__, lambda: store.write(part_name(1, "a"), b"")):
        with pytest.raises(StoreError, match="no such bucket or container; create it"):
            use()


def test_wrong_or_no_credentials_are_said(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    without_credentials(monkeypatch)
    if server[0].startswith("s3"):
        options = {"endpoint_url": server[1]["endpoint_url"]}
    else:
        options = {"connection_string": server[1]["connection_string"].replace("Eby8", "Eby7")}
    store = Store(f"{server[0]}/x", options)
    for use in (store.lock().__enter__, lambda: store.write(part_name(1, "a"), b""), store.latest):
        with pytest.raises(StoreError, match=r"access is refused .*; check its credentials") as caught:
            use()
        assert "\n" not in str(caught.value)


def test_a_store_that_does_not_answer_is_said() -> None:
    once = {"connect_timeout": 1, "retries": {"max_attempts": 1}}
    options = {"key": "k", "secret": "s", "endpoint_url": "http://127.0.0.1:9", "config_kwargs": once}
    store = Store("s3://box/x", options)
    for use in (store.lock().__enter__, lambda: store.write(part_name(1, "a"), b""), store.latest):
        with pytest.raises(StoreError, match=r"does not answer .*; check its address"):
            use()


@pytest.mark.parametrize(
    ("url", "package", "extra"), [("s3://b/x", "s3fs", "s3"), ("az://b/x", "adlfs", "azure")]
)
def test_a_package_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, url: str, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, url.split(":")[0], raising=False)
    with pytest.raises(UserError, match=rf"pip install 'redshank\[{extra}\]'"):
        Store(url).latest()


def test_an_unknown_kind_of_store_is_said() -> None:
    with pytest.raises(UserError, match="check the URL"):
        Store("carrier-pigeon://loft").latest()


def _names(place: Server) -> list[str]:
    files, path = fsspec.core.url_to_fs(place[0], **place[1])
    files.invalidate_cache()
    return sorted(files.find(path))


def _until(place: ObjectPlace) -> float:
    found = read_lease(place)
    assert found is not None
    return found[0].until


@contextmanager
def _locked_in_time(store: Store) -> Iterator[None]:
    deadline = time.monotonic() + 20
    while True:
        lock = store.lock()
        try:
            lock.__enter__()
        except UserError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
            continue
        try:
            yield
        finally:
            lock.__exit__(None, None, None)
        return
