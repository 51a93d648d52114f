"""The peers do the same job: all of them find in a small input what its maker put there."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import inputs, log_inputs, peer_loop, peers
from benchmarks import peer_nfdump as nfdump
from benchmarks.inputs import Input
from benchmarks.lab import check
from benchmarks.running import module, run

KINDS = ("flows", "vault", "activity")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Input]:
    folder = tmp_path_factory.mktemp("inputs")
    listed = inputs.indicators(50_000)
    inputs.configuration(folder, listed)
    made = (
        # So many that some of the peers are listed.
        inputs.flows(folder, 60_000, resources=300, listed=listed),
        log_inputs.vault_events(folder, 2_000, vaults=40, callers=60),
        log_inputs.activity_events(folder, 2_000, callers=60),
    )
    assert made[0].truth["listed"] > 0
    return {one.kind: one for one in made}


def feed(one: Input) -> list[str]:
    return ["--indicators", str(one.paths[0].parent / "indicators.txt")] if one.kind == "flows" else []


@pytest.mark.parametrize("kind", KINDS)
def test_the_plain_loop_counts_what_there_is(
    given: dict[str, Input], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = given[kind]
    for job in ("loop", "decode"):
        peer_loop.main([job, kind, *map(str, one.paths), *feed(one)])
        counted = json.loads(capsys.readouterr().out)
        assert counted["records"] == one.records
        check(one, counted, job)


@pytest.mark.parametrize(
    ("job", "form"),
    [("peer_bytewax", form) for form in ("flows", "columns", "vault", "activity")]
    + [("peer_judged", form) for form in ("vault", "activity")],
)
def test_bytewax_counts_what_there_is(given: dict[str, Input], job: str, form: str) -> None:
    if find_spec("bytewax") is None:
        pytest.skip("bytewax is not installed")
    one = given["flows" if form == "columns" else form]
    counted = json.loads(run(module(f"benchmarks.{job}", form, *one.paths, *feed(one))).said)
    assert counted.keys() >= {"records", "applied", "entities", "pairs"}
    check(one, counted, "bytewax")


def test_nfdump_has_the_same_flows(given: dict[str, Input]) -> None:
    if why := nfdump.missing():
        pytest.skip(f"nfdump: {why}")
    data = peers.collected(given["flows"])
    assert nfdump.processed(nfdump.read(data, *nfdump.TOP, times=1)) == given["flows"].records


def test_who_is_not_installed_has_rows_that_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from benchmarks.lab import THREE_PERCENT, Lab

    monkeypatch.setattr(nfdump, "missing", lambda: "not installed: nfdump")
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    lab = Lab(tmp_path)
    rows = [
        *peers._nfdump(lab, THREE_PERCENT, 1e6),
        *peers._bytewax(lab, "c", ["peer_bytewax", "flows"], "Bytewax", 1e6, 20),
    ]
    assert len(rows) == 12
    assert all(row.value is None and "not installed" in row.note and row.met is None for row in rows)
