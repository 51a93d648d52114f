"""Objects in a store, over the wire: what comes to them is fetched once, whatever happens to the store meanwhile."""

from __future__ import annotations

import gzip
import json
import pickle
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from ingest import live_bucket, live_object, object_pieces
from ingest.blocks import Block, LivePartition
from ingest.errors import ConfigurationError
from ingest.live_bucket import LiveBucket
from ingest.live_object import LiveObject
from ingest.object_store import Bucket
from tests.cluster.object_stores import azure_server, s3_server
from tests.ingest.test_live_files import FORMS, held
from tests.ingest.test_sources import audits, lines

RECORDS = audits(12)
PATIENCE_S = 30.0


@pytest.fixture(scope="module", params=["s3", "azure"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    server = s3_server() if request.param == "s3" else azure_server(tmp_path_factory.mktemp("azurite"))
    with server as (url, options):
        yield Bucket(f"{url}/logs", options)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done after a while is done at once."""
    monkeypatch.setattr(live_object, "ASKED_S", 0.0)
    monkeypatch.setattr(live_object, "GONE_S", 0.3)
    monkeypatch.setattr(live_object, "SHORT_S", 0.1)
    monkeypatch.setattr(live_object, "DOWN_S", 0.0)
    monkeypatch.setattr(live_bucket, "EVERY_S", 0.0)
    monkeypatch.setattr(live_bucket, "SHARE", 0)


def put(bucket: Bucket, name: str, body: bytes) -> str:
    files, path = bucket._opened
    files.pipe_file(f"{path}/{name}", body, overwrite=True) if "abfs" in files.protocol else files.pipe_file(
        f"{path}/{name}", body
    )
    return f"{bucket.url}/{name}"


def remove(bucket: Bucket, name: str) -> None:
    files, path = bucket._opened
    files.rm_file(f"{path}/{name}")


class Watched:
    """An object, and all that was read of it by one process after another."""

    def __init__(self, bucket: Bucket, name: str, rest_s: float = 600.0) -> None:
        self._given = (bucket, name, None, rest_s)
        self.blocks: list[Block] = []
        self.position: Any = None
        self.last = Block()
        self.again()

    def again(self) -> None:
        self.partition = pickle.loads(pickle.dumps(LiveObject(*self._given)))
        self._open = self.partition.blocks(msgspec.msgpack.decode(msgspec.msgpack.encode(self.position)))

    def until(self, what: Callable[[], Any]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < end, (self.read(), self.said(), self.partition.stats())
            block = next(self._open)
            self.position, self.last = block.position, block
            if block.idle:
                time.sleep(0.005)
            else:
                self.blocks.append(block)

    def settle(self) -> None:
        """Until nothing more is on its way."""
        self.until(lambda: self.last.idle and not self.last.awaited)

    def read(self) -> int:
        return sum(block.read for block in self.blocks)

    def said(self) -> list[str]:
        return [one.reason for block in self.blocks for one in block.rejected]


def whole(body: bytes, bucket: Bucket) -> list[Block]:
    watched = Watched(bucket, put(bucket, "whole", body))
    watched.settle()
    return watched.blocks


@pytest.mark.parametrize("form", ["lines", "payload", "array", "flows", "gzip members"])
def test_an_object_that_grows_gives_each_record_once(store: Bucket, form: str) -> None:
    body = FORMS[form]
    name = put(store, form.replace(" ", "-"), body[:1])
    watched = Watched(store, name)
    cuts = [len(body) // 3, len(body) // 2, len(body)]
    if form == "payload":  # its end is written anew each time, as flow logs have it
        bodies = [json.dumps({"records": RECORDS[:count]}).encode() for count in (0, 5, 9, 12)]
    elif form == "gzip members":
        end = len(gzip.compress(lines(RECORDS[:4])))
        bodies = [body[:end], body]
    else:
        bodies = [body[:cut] for cut in cuts]
    for some in bodies:
        put(store, form.replace(" ", "-"), some)
        watched.again()  # another process
        watched.settle()
    watched.until(lambda: watched.read() >= (12 if form != "flows" else 24))
    assert held(watched.blocks) == held(whole(body, store))
    assert not watched.said()


def test_append_blobs_are_read_as_they_grow_and_only_what_is_new_is_fetched(
    store: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, path = store._opened
    if "abfs" not in files.protocol:
        pytest.skip("S3 has no append blobs")
    from azure.storage.blob import BlobServiceClient

    container, _, prefix = path.partition("/")
    service = BlobServiceClient.from_connection_string(store.options["connection_string"])
    blob = service.get_blob_client(container, f"{prefix}/appended.json")
    blob.create_append_blob()
    fetched: list[int] = []
    read = Bucket.read

    def counted(self: Bucket, name: str, begin: int, end: int) -> bytes:
        data = read(self, name, begin, end)
        fetched.append(len(data))
        return data

    monkeypatch.setattr(Bucket, "read", counted)
    watched = Watched(store, f"{store.url}/appended.json")
    piece = lines(RECORDS) * 40
    for count in range(1, 6):
        blob.append_block(piece)
        watched.until(lambda least=480 * count: watched.read() >= least)
    assert watched.read() == 5 * 480
    assert 5 * len(piece) <= sum(fetched) < 5 * len(piece) + 60_000, (
        "heads, and what was read last, beside it"
    )


def test_a_record_longer_than_what_is_fetched_at_once_is_read(
    store: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_object, "WINDOW", 300)
    monkeypatch.setattr(object_pieces, "WINDOW", 300)
    long = {**RECORDS[0], "properties": {**RECORDS[0].get("properties", {}), "note": "x" * 5_000}}
    name = put(store, "long", lines([*RECORDS[:3], long, *RECORDS[3:]]))
    watched = Watched(store, name)
    watched.settle()
    assert watched.read() == 13


def test_one_that_is_replaced_is_said_to_be_and_read_from_its_begin(store: Bucket) -> None:
    name = put(store, "replaced", lines(RECORDS[:5]))
    watched = Watched(store, name)
    watched.settle()
    put(store, "replaced", lines(RECORDS[6:8]))
    watched.until(lambda: watched.read() == 7)
    (said,) = watched.said()
    assert "replaced" in said


def test_one_that_is_gone_ends_and_says_how_far_it_was_read(store: Bucket) -> None:
    name = put(store, "gone", lines(RECORDS[:5]))
    watched = Watched(store, name)
    watched.settle()
    remove(store, "gone")
    watched.until(lambda: watched.said())
    assert watched.said() == [f"the object is gone; it was read up to octet {len(lines(RECORDS[:5]))}"]
    assert next(watched._open, None) is None


def test_a_store_that_is_away_and_back_loses_nothing(store: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    name = put(store, "away", lines(RECORDS[:5]))
    watched = Watched(store, name)
    watched.settle()

    def away(*_: Any) -> Any:
        raise ConnectionError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "stands", away)
        watched.until(lambda: watched.partition.stats().fault)
        assert "does not answer (connection refused)" in watched.partition.stats().fault
        assert next(watched._open).down
    put(store, "away", lines(RECORDS))
    watched.until(lambda: watched.read() == 12)
    assert not watched.partition.stats().fault
    assert not watched.said()


# Lists


def settled(folder: LiveBucket, resting: Any = live_bucket.NOTHING) -> list[LivePartition]:
    """Of the next list that is begun from now on."""
    end = time.monotonic() + PATIENCE_S
    for _ in range(2):
        while folder._later is None:
            folder.look(resting)
        folder._later.wait(PATIENCE_S)
        found = folder.look(resting)
        if found or time.monotonic() > end:
            break
    return found


def test_objects_are_found_once_in_order_of_time_and_those_at_rest_when_they_stir(store: Bucket) -> None:
    bucket = Bucket(f"{store.url}/folder", store.options)
    hour = "resourceId=/X/y=2026/m=01/d=05/h={}/m=00/PT1H.json"
    put(bucket, hour.format("11"), lines(RECORDS))
    put(bucket, hour.format("09"), lines(RECORDS))
    put(bucket, "export.json", lines(RECORDS))
    put(bucket, "notes.txt", b"hello")
    put(bucket, ".hidden/a.json", lines(RECORDS))
    folder = LiveBucket(bucket)
    found = folder.found()
    names = [one.name.removeprefix(f"{bucket.url}/") for one in found]
    assert names == ["export.json", hour.format("09"), hour.format("11")]
    assert found[0].first_us == 1_767_600_000_000_000
    assert settled(folder) == []
    put(bucket, hour.format("12"), lines(RECORDS))
    assert [one.name[-18:] for one in settled(folder)] == ["h=12/m=00/PT1H.json"[-18:]]
    watched = Watched(bucket, f"{bucket.url}/export.json", 0.0)
    watched.until(lambda: watched.last.rests)
    resting = {watched.partition.name: watched.position}
    assert settled(folder, resting) == []
    put(bucket, "export.json", lines(audits(13)))
    (stirs,) = settled(folder, resting)
    assert stirs.name == watched.partition.name
    watched.again()
    watched.until(lambda: watched.read() == 13)
    assert folder.has(stirs.name)
    assert not folder.has(f"{bucket.url}/other")


def test_a_start_without_the_store_keeps_its_places_and_finds_the_rest_later(
    store: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(f"{store.url}/later", store.options)
    name = put(bucket, "a.json", lines(RECORDS))
    put(bucket, "b.json", lines(RECORDS))
    watched = Watched(bucket, name)
    watched.until(lambda: watched.read() == 12)
    objects = Bucket.objects

    def away(self: Bucket) -> Any:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(Bucket, "objects", away)
    folder = LiveBucket(bucket, {name: watched.position, "udp://0.0.0.0:1": [1, "datagrams"]})
    assert [one.name for one in folder.found()] == [name]
    (health,) = folder.health()
    assert (health.name, "does not answer (no route to host)" in health.fault) == (bucket.url, True)
    assert folder.has(name), "nobody knows that it is gone"
    monkeypatch.setattr(Bucket, "objects", objects)
    folder._due = 0.0
    assert [one.name for one in settled(folder)] == [f"{bucket.url}/b.json"]
    assert not folder.health()


def test_a_container_that_is_not_there_is_said_to_be_missing(store: Bucket) -> None:
    scheme = store.url.split("://", 1)[0]
    folder = LiveBucket(Bucket(f"{scheme}://nowhere-at-all/logs", store.options))
    assert folder.found() == []
    (health,) = folder.health()
    assert "there is no such bucket or container" in health.fault


def test_a_url_that_can_not_be_used_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="check the URL and its options"):
        Bucket("abfs://x/y", {}).check()
    with pytest.raises(ConfigurationError):
        Bucket("nosuch://x/y").check()


def test_secrets_are_not_shown() -> None:
    bucket = Bucket("abfs://x", {"connection_string": "AccountKey=very secret"})
    assert "secret" not in repr(bucket)
    assert pickle.loads(pickle.dumps(bucket)).options == bucket.options


def test_a_last_line_without_an_end_is_read_when_the_object_goes(store: Bucket) -> None:
    name = put(store, "half", lines(RECORDS[:5]) + b'{"time": "2026-01-05T')
    watched = Watched(store, name)
    watched.settle()
    assert watched.read() == 5
    remove(store, "half")
    watched.until(lambda: len(watched.said()) == 2)
    assert watched.read() == 6
    assert ["cut" in watched.said()[0], "gone" in watched.said()[1]] == [True, True]
