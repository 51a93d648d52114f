"""What is set side by side is measured side by side, or a figure shows what else the machine did."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import running
from benchmarks.inputs import Input
from benchmarks.lab import Speed
from benchmarks.running import Run, best_of_each
from benchmarks.scaling import _one_more


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were run, each of which takes as long as it says."""
    done: list[str] = []

    def run(command: list[str]) -> Run:
        done.append(command[0])
        return Run(float(command[1]) + 0.01 * len(done), 1.0, "", "")

    monkeypatch.setattr(running, "run", run)
    return done


def test_commands_take_turns_and_none_is_always_the_first(ran: list[str]) -> None:
    one, other = best_of_each([["a", "1"], ["b", "2"]], 3)
    assert ran == ["a", "b", "b", "a", "a", "b"]
    assert (one.seconds, other.seconds) == (1.01, 2.02)


def test_a_long_run_is_not_repeated_and_a_short_one_beside_it_is(ran: list[str]) -> None:
    """A ratio to a slow peer would else be of one run of ours, whatever disturbed it."""
    best_of_each([["slow", "31"], ["quick", "2"]], 3)
    assert sorted(ran) == ["quick", "quick", "quick", "slow"]


def of(entities: int, cpu_s: float) -> Speed:
    given = Input("x", "flows", (Path("x"),), {"entities": entities, "records": 1_000_000})
    return Speed(given, Run(9.0, cpu_s + 1, "", ""), Run(1.0, 1.0, "", ""))


def test_what_one_entity_more_costs_is_shared_by_those_that_are_more() -> None:
    value = _one_more(of(1_000, 2.0), of(201_000, 3.0))
    assert value == pytest.approx(5.0)  # a second for 200,000
    assert _one_more(of(1_000, 2.0), of(1_000, 2.0)) is None
