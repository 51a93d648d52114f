"""Whatever bytes somebody sends, each decoder says what it can't read and goes on: a run never ends by them."""

from __future__ import annotations

import random
import sys

import pytest

from tests.fuzz.__main__ import mutated
from tests.fuzz.targets import targets

TARGETS = targets()
SOME = 60


@pytest.mark.parametrize("name", TARGETS)
def test_each_decoder_takes_what_is_good_and_refuses_the_rest_as_a_value(name: str) -> None:
    target, chance = TARGETS[name], random.Random(name)
    target.take(b"")
    for seed in target.seeds:
        target.take(seed)
        for _ in range(SOME // len(target.seeds)):
            target.take(mutated(seed, chance))


def test_a_fault_is_found_and_its_input_kept(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fuzzer that finds nothing whatever is wrong would be of no use."""
    from tests.fuzz import __main__ as fuzz
    from tests.fuzz.targets import Target

    def faulty(octets: bytes) -> None:
        assert b"\xff" not in octets

    found = fuzz.plain("faulty", Target(faulty, [b"abc"]), 2_000)
    assert found is not None
    assert b"\xff" in found
    assert fuzz.plain("good", Target(lambda octets: None, [b"abc"]), 100) is None
    assert sys.modules["tests.fuzz.targets"]
