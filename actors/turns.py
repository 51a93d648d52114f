"""How long a process works before the kernel gives its core to another, where more of them work than there are cores.

Linux lets a process work for 3 ms. What it works with has then left the processor's cache, and comes back at 1 ms of CPU
time a turn, measured with four readers on two cores. One that works through what is there may ask for longer turns
(`sched_setattr(2)`: a slice of 0.1 to 100 ms, granted since Linux 6.12; older ones take the call and keep their own).
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

LONGEST_NS = 100_000_000
# By machine, since few C libraries have a function for the call.
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")  # size, policy, flags, nice, priority, runtime, deadline, period


def take_long_turns() -> bool:
    """Ask for them, for this thread and those that it starts from now on; False where that can't be had.

    It also says that nobody waits for the process's next word (`SCHED_BATCH`): what has, goes first.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None or not hasattr(os, "SCHED_BATCH"):
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    asked = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_BATCH, 0, nice, 0, LONGEST_NS, 0, 0)
    call = ctypes.CDLL(None).syscall
    return bool(call(ctypes.c_long(number), ctypes.c_int(0), asked, ctypes.c_uint(0)) == 0)
