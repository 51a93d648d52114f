"""Unusually many SSH connections from one source to a resource."""

from detections.network.aims import Aim
from detections.network.brute_force import detection

DETECTION = detection(
    "ssh_incoming",
    Aim("ssh", "in", False),
    "SSH_Incoming_BF_OneToOne",
    "medium",
    "Suspicious incoming SSH network activity",
    ("PreAttack",),
    "Unusually many SSH connections from one source to a resource.",
)
