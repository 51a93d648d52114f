"""SSH connections from unusually many different sources to a resource: a botnet."""

from detections.network.aims import Aim
from detections.network.brute_force import detection

DETECTION = detection(
    "ssh_incoming_multiple",
    Aim("ssh", "in", True),
    "SSH_Incoming_BF_ManyToOne",
    "medium",
    "Suspicious incoming SSH network activity from multiple sources",
    ("PreAttack",),
    "SSH connections from unusually many different sources to a resource: a botnet.",
)
