"""RDP connections from a resource to unusually many outside addresses."""

from detections.network.aims import Aim
from detections.network.brute_force import detection

DETECTION = detection(
    "rdp_outgoing_multiple",
    Aim("rdp", "out", True),
    "RDP_Outgoing_BF_OneToMany",
    "high",
    "Suspicious outgoing RDP network activity to multiple destinations",
    ("Discovery",),
    "RDP connections from a resource to unusually many outside addresses.",
)
