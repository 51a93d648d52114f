"""RDP connections from unusually many different sources to a resource: a botnet."""

from detections.network.aims import Aim
from detections.network.brute_force import detection

DETECTION = detection(
    "rdp_incoming_multiple",
    Aim("rdp", "in", True),
    "RDP_Incoming_BF_ManyToOne",
    "medium",
    "Suspicious incoming RDP network activity from multiple sources",
    ("PreAttack",),
    "RDP connections from unusually many different sources to a resource: a botnet.",
)
