"""Unusually many RDP connections from a resource to one outside address."""

from detections.network.aims import Aim
from detections.network.brute_force import detection

DETECTION = detection(
    "rdp_outgoing",
    Aim("rdp", "out", False),
    "RDP_Outgoing_BF_OneToOne",
    "high",
    "Suspicious outgoing RDP network activity",
    ("LateralMovement",),
    "Unusually many RDP connections from a resource to one outside address.",
)
