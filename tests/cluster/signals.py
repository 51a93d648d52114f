"""A command that gets a signal at a certain place, however fast the machine is."""

from __future__ import annotations

import signal


def signalled(method: str, number: signal.Signals) -> str:
    """Python code of `redshank` that signals itself once that method of its run has returned for the first time.

    Where another signal is to stop it SIGINT is ignored, as by what a shell runs in the background.
    """
    otherwise = "default_int_handler" if number == signal.SIGINT else "SIG_IGN"
    return f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.{otherwise})
from cluster.cli import main
from cluster.run import Run

do = Run.{method}

def once(self, *given):
    Run.{method} = do
    said = do(self, *given)
    os.kill(os.getpid(), {int(number)})
    return said

Run.{method} = once
sys.exit(main())
"""
