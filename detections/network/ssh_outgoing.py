"""Unusually many SSH connections from a resource to one outside address."""

from detections.network.aims import Aim
from detections.network.brute_force import detection

DETECTION = detection(
    "ssh_outgoing",
    Aim("ssh", "out", False),
    "SSH_Outgoing_BF_OneToOne",
    "medium",
    "Suspicious outgoing SSH network activity",
    ("LateralMovement",),
    "Unusually many SSH connections from a resource to one outside address.",
)
