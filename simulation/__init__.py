"""An organisation's telemetry in the real wire formats, with attacks, and the truth about them."""

from simulation.run import Summary, simulate
from simulation.world import START, Organisation

__all__ = ["START", "Organisation", "Summary", "simulate"]
