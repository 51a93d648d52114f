"""What the eight brute-force detections say of themselves and of what to do."""

from __future__ import annotations

from baselines.large_days import DAYS, WEEKS
from detections.counting import MANY
from detections.network.aims import NAMES, PORTS, Aim

_WAVES = "Where all resources together see more sources than usual, the hour is judged by that. "
_SIZES = ", or were rare to it with as many connections, whichever are more"
# By direction, and whether peers are counted.
TEXTS = {
    ("in", False): (
        "{connections} {service} connections came from {peer} within the hour; usual here is about {usual} from one "
        "source. A chance of {odds}."
    ),
    ("in", True): (
        "{addresses} different addresses made {service} connections within the hour; usual here is about {usual}. A "
        "chance of {odds}."
    ),
    ("out", False): (
        "This resource made {connections} {service} connections to {peer} within the hour; usual is about {usual} to "
        "one peer. A chance of {odds}. It may be compromised and guessing passwords there."
    ),
    ("out", True): (
        "This resource made {service} connections to {addresses} different addresses within the hour; usual is about "
        "{usual}. A chance of {odds}. It may be compromised and attacking others."
    ),
}
REMEDY_IN = (
    (
        "Look whether one of the attempts succeeded: sign-in logs of the machine around last_seen, new accounts, keys "
        "and processes."
    ),
    (
        "Close the port to the internet: a rule of the network security group for known addresses alone, just-in-time "
        "access, or a bastion."
    ),
    (
        "Use keys (SSH) or network level authentication with multi-factor sign-in (RDP), and lock accounts out after "
        "failed attempts."
    ),
    "If an attempt succeeded: isolate the machine, change the passwords and keys that were on it, rebuild it.",
)
REMEDY_OUT = (
    (
        "Isolate the machine: deny its outgoing traffic with a rule of the network security group, keep it running for "
        "forensics."
    ),
    (
        "Find the process that makes the connections, and how it came there: running processes, scheduled tasks, recent "
        "sign-ins."
    ),
    (
        "Change the passwords, keys and managed identity grants that were on the machine, and look for their use "
        "elsewhere."
    ),
    (
        "Scan the machine for malware and rebuild it from a known image; tell the owner of the attacked address if you "
        "can."
    ),
)


def explanation(aim: Aim, look: str, threshold: float) -> str:
    """How a count becomes an alert, and what that can't see; `look` says what is looked for."""
    what = "distinct peers" if aim.many else "connections with the busiest peer"
    return (
        f"{look} It counts {what} on {NAMES[aim.service]} (port {PORTS[aim.service]}) an hour that were let "
        "through, a connection being one client port, however often it was exported. The count is held against "
        "a negative binomial of the resource's own slow mean, the organisation's profile of the hour of the week, "
        f"and the dispersion of both. {_WAVES if aim.by_internet else ''}At the hour's close the chance is measured: it "
        "is the share of all resources' "
        f"hours that surprised their own model as much{_SIZES if aim.by_scanner else ''}, and below {threshold:g} it is an alert. So the internet's "
        "background of scans, with the noisy ones among them and with its waves, raises nothing. What came in that size on "
        f"{DAYS} earlier days, or in {WEEKS} weeks at the same hour, is a job of its own, and told only if it grows, or comes at another time of day. "
        "What goes on hour after hour "
        f"is told lower from the {MANY}th hour of two days on, unless it grows. It cannot see attacks below "
        "the usual noise, small ones in sampled flows, or who stands behind a load balancer."
    )
