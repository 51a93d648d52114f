"""Replays on more processes than cores: what is lost when it fails is speed, not alerts."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from actors import turns

# In a process of its own: a test runner that works in long turns would keep others waiting.
ASK = """
import ctypes, os, struct, sys
os.nice(3)
from actors.turns import take_long_turns
took = take_long_turns()
said = ctypes.create_string_buffer(48)
number = {"x86_64": 315, "aarch64": 275}[os.uname().machine]  # sched_getattr(2)
assert ctypes.CDLL(None).syscall(number, 0, said, 48, 0) == 0
print(took, os.sched_getscheduler(0) == os.SCHED_BATCH, os.nice(0), struct.unpack("=IIQiIQQQ", said.raw)[5])
"""

asked_for = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in turns._SCHED_SETATTR,
    reason="only Linux on x86-64 and 64-bit ARM is asked for long turns",
)


@asked_for
def test_a_replay_works_in_the_longest_turns_that_the_kernel_gives() -> None:
    """And stays as nice as it was started: who runs it with `nice` wants it out of the way."""
    said = subprocess.run(
        [sys.executable, "-c", ASK], capture_output=True, text=True, check=True
    ).stdout.split()

    assert said[:3] == ["True", "True", str(min(os.nice(0) + 3, 19))], "a test run may be nice itself"
    release = tuple(int(part) for part in platform.release().split(".")[:2])
    if release >= (6, 12):
        assert int(said[3]) == turns.LONGEST_NS


def test_where_it_cant_be_had_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """On another system, or where a container's filter forbids the call."""
    policy = os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else None
    monkeypatch.setattr(turns, "_SCHED_SETATTR", {})

    assert not turns.take_long_turns()

    monkeypatch.setattr(turns, "_SCHED_SETATTR", {platform.machine(): 1 << 20})  # no such call

    assert not turns.take_long_turns()
    assert policy is None or os.sched_getscheduler(0) == policy
