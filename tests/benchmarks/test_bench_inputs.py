"""The inputs are what they say: a figure over other records than those would be a figure of nothing."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks import inputs, log_inputs, memory, sign_in_inputs
from benchmarks.inputs import START_US, Input
from benchmarks.peer_jobs import decoded, messages
from cluster.detect import Options, detect
from ingest.records import HOUR_US, Event
from ingest.threat_intel import Feed
from ingest.threat_intel_feeds import read_feed
from tests.ingest.reading import fast


def all_flows(path: Path) -> np.ndarray:
    return np.concatenate([decoded(message) for message in messages(path)])


def events(given: Input) -> list[Event]:
    found = []
    for path in given.paths:
        for number, line in enumerate(path.read_bytes().splitlines()):
            event = fast(line, number, path.name)
            assert isinstance(event, Event), line
            found.append(event)
    return found


def test_each_file_of_flows_is_one_exporters_and_spans_the_hour(tmp_path: Path) -> None:
    made = inputs.flows(tmp_path, 4_000, files=2)
    for number, path in enumerate(made.paths, 1):
        assert {int.from_bytes(message[12:16], "big") for message in messages(path)} == {number}
        ends = all_flows(path)["end"].astype(np.int64) * 1_000 - START_US
        assert 0 <= ends.min() < HOUR_US // 20
        assert HOUR_US * 19 // 20 < ends.max() < HOUR_US
        assert (np.diff(all_flows(path)["start"].astype(np.int64)) >= 0).all()


@pytest.mark.parametrize("share", [0.03, 1.0])
def test_the_share_of_flows_that_matter_is_what_was_asked_for(tmp_path: Path, share: float) -> None:
    made = inputs.flows(tmp_path, 6_000, relevant=share, resources=100)
    flows = np.concatenate([all_flows(path) for path in made.paths])
    service = np.isin(flows["destination_port"], inputs.SERVICES)
    assert len(flows) == made.records == 6_000
    assert service.sum() == made.truth["service"] == pytest.approx(6_000 * share, rel=0.2)
    assert len(np.unique(flows["destination"])) == 100


def test_the_feed_is_taken_whole(tmp_path: Path) -> None:
    listed = inputs.indicators(500)
    inputs.configuration(tmp_path, listed)
    entries, rejected = read_feed(Feed(path=str(tmp_path / "indicators.txt"), category="command_and_control"))
    assert len(entries) == len(set(listed.tolist())) == 500
    assert not rejected


def test_flows_with_listed_addresses_are_among_those_that_count(tmp_path: Path) -> None:
    listed = np.sort(np.random.default_rng(1).integers(0x20000000, 0x60000000, 200_000, np.uint32))
    made = inputs.flows(tmp_path, 20_000, listed=np.unique(listed))
    truth = made.truth
    assert truth["listed"] > 0
    assert truth["applied"] <= truth["service"] + truth["listed"]


def test_an_application_polls_its_own_secrets_from_one_address(tmp_path: Path) -> None:
    made = log_inputs.vault_events(tmp_path, 4_000, vaults=40, callers=20)
    found = events(made)
    assert len({event.uid for event in found}) == 4_000
    for caller in {event.principal for event in found}:
        own = [event for event in found if event.principal == caller]
        assert len({event.vault for event in own}) <= 4
        assert len({event.item for event in own}) <= 10
        assert len({event.address for event in own}) == 1
        assert len({event.application for event in own}) == 1
    assert made.octets / made.records == pytest.approx(700, rel=0.05)
    assert {event.at_us // HOUR_US for event in found} == {START_US // HOUR_US}


def test_in_the_worst_case_nearly_every_pair_is_new(tmp_path: Path) -> None:
    made = log_inputs.vault_events(tmp_path, 3_000, polling=False)
    pairs = {(event.principal, event.vault) for event in events(made)}
    assert len(pairs) == made.truth["pairs"] > 2_900


def test_over_several_hours_each_has_as_many(tmp_path: Path) -> None:
    made = log_inputs.vault_events(tmp_path, 1_000, callers=10, hours=3)
    assert Counter(event.at_us // HOUR_US for event in events(made)) == {
        START_US // HOUR_US + hour: 333 for hour in range(3)
    }
    assert made.records == 999


def test_sign_ins_are_as_azure_writes_them_and_read_fast(tmp_path: Path) -> None:
    made = sign_in_inputs.sign_ins(tmp_path, 2_000, people=50)
    found = events(made)
    assert len({event.uid for event in found}) == len(found) == made.records == 2_000
    assert len({event.principal for event in found}) == 50
    assert {event.details["managed"] for event in found} == {True}
    assert made.octets / made.records == pytest.approx(2_700, rel=0.05)


def test_start_and_end_of_an_operation_follow_one_another(tmp_path: Path) -> None:
    made = log_inputs.activity_events(tmp_path, 2_000, callers=20)
    found = events(made)
    halves = Counter((event.operation_id, event.outcome) for event in found)
    assert set(halves.values()) == {1}
    assert Counter(outcome for _, outcome in halves) == {"started": 1_000, "success": 1_000}
    for caller in {event.principal for event in found}:
        own = [event for event in found if event.principal == caller]
        assert len({event.resource for event in own}) <= 20
        assert len({event.operation for event in own}) <= 3
    assert made.octets / made.records == pytest.approx(2_100, rel=0.05)


def test_a_callers_claims_change_with_its_token_alone(tmp_path: Path) -> None:
    made = log_inputs.activity_events(tmp_path, 4_000, callers=10)
    claims: dict[str, list[tuple[str, str]]] = {}
    for path in made.paths:
        for line in path.read_text().splitlines():
            record = json.loads(line)
            own = record["identity"]["claims"]
            text = json.dumps(own)
            assert 900 < len(text) < 1_300
            claims.setdefault(own["puid"], []).append((record["time"], text))
    for seen in claims.values():
        in_order = [text for _, text in sorted(seen)]
        changes = sum(one != other for one, other in pairwise(in_order))
        assert changes <= 1
        one, other = (json.loads(text) for text in (in_order[0], in_order[-1]))
        assert {name for name in one if one[name] != other[name]} <= {"iat", "nbf", "exp", "uti", "aio"}


def test_redshank_counts_what_the_maker_knows(tmp_path: Path) -> None:
    config = inputs.configuration(tmp_path, inputs.indicators(1_000))
    made = [
        once := inputs.flows(tmp_path, 3_000, listed=inputs.indicators(1_000)),
        inputs.repeated(once, 3),
        log_inputs.vault_events(tmp_path, 500),
        log_inputs.activity_events(tmp_path, 500),
    ]
    for given in made:
        paths = [str(path) for path in given.paths]
        result = detect(Options(paths, config=config, runtime="loop", quiet=True), Console(stderr=True))
        counts = result.counts
        assert counts.read == given.records
        assert counts.flows_applied + counts.events_sent == given.truth["applied"]
        assert result.outcome.entities == given.truth["entities"]
        assert not result.rejected


@pytest.mark.parametrize("kind", list(memory.NOTES))
def test_memory_is_measured_of_as_many_entities_as_are_said(kind: str) -> None:
    assert memory._filled(kind, 50).leftovers().entities == 50
