"""The store of checkpoints in a folder: what was committed comes back whole, or the one before it does."""

from __future__ import annotations

import copy
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.checkpoints import Damaged, Manifest, Part, Store, StoreError, part_name
from cluster.errors import UserError
from cluster.frame import framed


def commit(store: Store, epoch: int, *, delivered: bool = False, reused: tuple[Part, ...] = ()) -> Manifest:
    part = store.write(part_name(epoch, "groups-00"), b"epoch %d" % epoch, "groups", 0, 256)
    manifest = Manifest(epoch, {"fingerprint": "f", "delivered": delivered}, b"router", [*reused, part])
    store.commit(manifest)
    return manifest


def epochs(store: Store) -> list[int]:
    return [manifest.epoch for manifest in store.manifests()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_committed_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "folder")
    with store.lock():
        pieces = [b"one", memoryview(b"two"), bytearray(b"three")]
        parts = [store.write(part_name(1, "a"), pieces, "shard", 3, 9), store.write(part_name(1, "b"), b"")]
        assert store.latest() is None
        store.commit(Manifest(1, {"fingerprint": None, "delivered": False}, b"\x00router", parts))
    found = Store(tmp_path / "new" / "folder").latest()
    assert found is not None
    assert (found.epoch, found.router, found.parts) == (1, b"\x00router", parts)
    assert found.run["fingerprint"] is None
    assert found.written_us > 0
    assert [store.read(part) for part in found.parts] == [b"onetwothree", b""]
    assert (found.parts[0].kind, found.parts[0].low, found.parts[0].high) == ("shard", 3, 9)


def test_another_process_can_rebuild_it(tmp_path: Path) -> None:
    store = Store(tmp_path, lease=5)
    for again in (Store(*store.spec), copy.copy(store)):
        assert again.spec == store.spec
    commit(store, 1)
    Store(*store.spec).commit(Manifest(1, {}, b"again", []))
    found = store.latest()
    assert found is not None
    assert found.router == b"again"


def test_a_name_that_does_not_tell_its_epoch_is_our_fault(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="part_name"):
        Store(tmp_path).write("groups-00", b"")


def test_an_epoch_done_again_changes_no_file_of_the_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.write(part_name(2, "groups"), b"first")
    second = store.write(part_name(2, "groups"), b"second")
    assert (store.read(first), store.read(second)) == (b"first", b"second")


def test_cleaning_keeps_two_and_the_one_that_was_delivered(tmp_path: Path) -> None:
    store = Store(tmp_path)
    base = store.write(part_name(1, "base"), b"in all of them")
    for epoch in range(1, 7):
        commit(store, epoch, delivered=epoch in (1, 3), reused=(base,))
    assert epochs(store) == [6, 5, 3]
    assert all(store.whole(manifest) for manifest in store.manifests())
    written = {part.name for manifest in store.manifests() for part in manifest.parts}
    assert set(names(tmp_path)) == written | {f"manifest-{epoch:012d}" for epoch in (3, 5, 6)}
    assert store.latest(lambda manifest: manifest.run["delivered"] is True).epoch == 3  # type: ignore[union-attr]


def test_cleaning_leaves_what_is_under_way_and_drops_what_was_given_up(tmp_path: Path) -> None:
    store = Store(tmp_path)
    commit(store, 1)
    given_up = store.write(part_name(2, "given-up"), b"")
    half = tmp_path / f"{part_name(2, 'half')}.77.1.new"
    half.write_bytes(b"hal")
    commit(store, 2)
    assert not half.exists()
    assert not (tmp_path / given_up.name).exists()
    under_way = [store.write(part_name(4, "a"), b""), tmp_path / f"{part_name(4, 'b')}.77.1.new"]
    under_way[1].write_bytes(b"hal")  # type: ignore[union-attr]
    (tmp_path / "notes.txt").write_text("not ours")
    commit(store, 3)
    assert {under_way[0].name, under_way[1].name, "notes.txt"} < set(names(tmp_path))


def test_later_epochs_can_be_given_up(tmp_path: Path) -> None:
    store = Store(tmp_path)
    commit(store, 1, delivered=True)
    commit(store, 2)
    commit(store, 3)
    store.write(part_name(4, "under-way"), b"")
    store.drop_after(1)
    assert epochs(store) == [1]
    assert names(tmp_path) == ["000000000001-groups-00-" + name(b"epoch 1"), "manifest-000000000001"]
    commit(Store(tmp_path), 2)
    assert epochs(store) == [2, 1]


def name(body: bytes) -> str:
    return framed([body])[1].hex()[:16]


def test_a_run_that_goes_on_behind_another_ones_epochs_is_refused(tmp_path: Path) -> None:
    commit(Store(tmp_path), 5)
    for epoch in (4, 5):
        with pytest.raises(StoreError, match=r"another run .* epoch 5"):
            commit(Store(tmp_path), epoch)
    assert epochs(Store(tmp_path)) == [5]


def test_a_checkpoint_without_its_parts_is_not_committed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    commit(store, 1)
    with pytest.raises(Damaged, match="is missing"):
        store.commit(Manifest(2, {}, b"", [Part(part_name(2, "never-written"), 41, b"")]))
    assert epochs(store) == [1]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two epochs that share nothing."""
    folder = tmp_path_factory.mktemp("pair")
    commit(Store(folder), 1)
    commit(Store(folder), 2)
    return folder


@given(st.data())
def test_any_flipped_or_missing_byte_is_refused_and_the_epoch_before_holds(
    pair: Path, data: st.DataObject
) -> None:
    path = pair / data.draw(st.sampled_from(names(pair)))
    intact = path.read_bytes()
    at = data.draw(st.integers(0, len(intact) - 1))
    flipped = bytes([intact[at] ^ data.draw(st.integers(0, 255))])  # 0: cut off there instead
    path.write_bytes(intact[:at] + (flipped + intact[at + 1 :] if flipped[0] != intact[at] else b""))
    try:
        store = Store(pair)
        damaged = 2 if "000000000002" in path.name else 1
        found = store.latest(store.whole)
        assert found is not None
        assert found.epoch == 3 - damaged
        assert [manifest.epoch for manifest in store.manifests() if store.whole(manifest)] == [3 - damaged]
        assert len(store.complaints) == 1
        assert path.name in store.complaints[0]
    finally:
        path.write_bytes(intact)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda frame: frame[:-1] + bytes([frame[-1] ^ 1]), "damaged"),
        (lambda frame: frame[:20], "damaged"),
        (lambda frame: b"", "no saved state"),
        (lambda frame: b"\x80\x04pickle", "no saved state"),
        (lambda frame: frame[:8] + b"\x09" + frame[9:], "format 9"),
        (lambda frame: b"".join(framed([b"another"])[0]), "another file"),
        (None, "missing"),
    ],
)
def test_why_a_part_is_refused_is_said_in_a_line(tmp_path: Path, damage: object, said: str) -> None:
    store = Store(tmp_path)
    part = store.write(part_name(1, "a"), b"body")
    path = tmp_path / part.name
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(Damaged, match=said) as caught:
        store.read(part)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (msgspec.msgpack.encode({"version": 2, "later": 1}), "version 2; this version of Redshank reads 1"),
        (b"\xc1", "no manifest"),
        (msgspec.msgpack.encode(Manifest(1, {}, b"", [])), "holds epoch 1; it was renamed"),
        (msgspec.msgpack.encode({"version": 1, "epoch": "2"}), "no manifest"),
    ],
)
def test_a_manifest_of_another_kind_is_passed_over_and_said(tmp_path: Path, body: bytes, said: str) -> None:
    store = Store(tmp_path)
    commit(store, 1)
    (tmp_path / "manifest-000000000002").write_bytes(b"".join(framed([body])[0]))
    found = store.latest()
    assert found is not None
    assert found.epoch == 1
    assert len(store.complaints) == 1
    assert said in store.complaints[0]
    commit(store, 2)  # and it is in nobody's way
    assert epochs(store) == [2, 1]


def test_a_store_of_which_nothing_can_be_used_is_no_fresh_start(tmp_path: Path) -> None:
    store = Store(tmp_path)
    manifest = commit(store, 1)
    (tmp_path / manifest.parts[0].name).unlink()
    with pytest.raises(Damaged, match=r"none of its checkpoints can be used.*is missing"):
        store.latest()


def test_an_unwanted_checkpoint_is_no_damage(tmp_path: Path) -> None:
    store = Store(tmp_path)
    commit(store, 1)
    assert store.latest(lambda manifest: manifest.run["delivered"]) is None


def test_a_place_that_can_not_be_a_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "store")
    for use in (lambda: store.write(part_name(1, "a"), b""), store.latest, store.lock().__enter__):
        with pytest.raises(UserError, match="can't be"):
            use()


def test_a_merged_part_that_was_merged_again_does_not_stay_for_the_epoch_in_its_name(tmp_path: Path) -> None:
    """A server's state folder would grow by gigabytes before that epoch comes."""
    store = Store(tmp_path)
    under_way = store.write(part_name(1_001, "under-way"), b"nobody has named it yet")
    for epoch in range(1, 30):
        merged = store.write(part_name(epoch + 1_000, "merged"), b"%d" % epoch)
        store.commit(Manifest(epoch, {}, b"", [merged]))
    held = names(tmp_path)
    assert under_way.name in held
    assert len(held) == 1 + 2 * 2, "two manifests, their parts, and the one that is under way"
