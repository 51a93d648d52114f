"""SSH connections from a resource to unusually many outside addresses."""

from detections.network.aims import Aim
from detections.network.brute_force import detection

DETECTION = detection(
    "ssh_outgoing_multiple",
    Aim("ssh", "out", True),
    "SSH_Outgoing_BF_OneToMany",
    "medium",
    "Suspicious outgoing SSH network activity to multiple destinations",
    ("Discovery",),
    "SSH connections from a resource to unusually many outside addresses.",
)
