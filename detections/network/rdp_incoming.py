"""Unusually many RDP connections from one source to a resource."""

from detections.network.aims import Aim
from detections.network.brute_force import detection

DETECTION = detection(
    "rdp_incoming",
    Aim("rdp", "in", False),
    "RDP_Incoming_BF_OneToOne",
    "medium",
    "Suspicious incoming RDP network activity",
    ("PreAttack",),
    "Unusually many RDP connections from one source to a resource.",
)
