"""The information elements that bear on a flow, by IANA's names, and how wide each may be.

Source: IANA's registry 'IP Flow Information Export (IPFIX) Entities'; reverse elements: RFC 5103.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

REVERSE = 29305  # private enterprise number under which RFC 5103 puts the other direction's elements
VARIABLE = 65535  # length of a field that says its own length in each record

_NUMBERS = {
    1: "octetDeltaCount",
    2: "packetDeltaCount",
    4: "protocolIdentifier",
    6: "tcpControlBits",
    7: "sourceTransportPort",
    11: "destinationTransportPort",
    21: "flowEndSysUpTime",
    22: "flowStartSysUpTime",
    23: "postOctetDeltaCount",
    24: "postPacketDeltaCount",
    34: "samplingInterval",
    48: "samplerId",
    50: "samplerRandomInterval",
    85: "octetTotalCount",
    86: "packetTotalCount",
    89: "forwardingStatus",
    150: "flowStartSeconds",
    151: "flowEndSeconds",
    152: "flowStartMilliseconds",
    153: "flowEndMilliseconds",
    158: "flowStartDeltaMicroseconds",
    159: "flowEndDeltaMicroseconds",
    160: "systemInitTimeMilliseconds",
    161: "flowDurationMilliseconds",
    180: "udpSourcePort",
    181: "udpDestinationPort",
    182: "tcpSourcePort",
    183: "tcpDestinationPort",
    231: "initiatorOctets",
    232: "responderOctets",
    233: "firewallEvent",
    298: "initiatorPackets",
    299: "responderPackets",
    302: "selectorId",
    305: "samplingPacketInterval",
    306: "samplingPacketSpace",
    309: "samplingSize",
    310: "samplingPopulation",
}
_REVERSE_NUMBERS = {
    1: "reverseOctetDeltaCount",
    2: "reversePacketDeltaCount",
    85: "reverseOctetTotalCount",
    86: "reversePacketTotalCount",
}
# These come in one width only: a field of another width is skipped.
_FIXED = {
    8: ("sourceIPv4Address", 4),
    12: ("destinationIPv4Address", 4),
    27: ("sourceIPv6Address", 16),
    28: ("destinationIPv6Address", 16),
    154: ("flowStartMicroseconds", 8),
    155: ("flowEndMicroseconds", 8),
    156: ("flowStartNanoseconds", 8),
    157: ("flowEndNanoseconds", 8),
}


def known(enterprise: int, element: int, length: int) -> str | None:
    """The name of an element that we use, in a width that we can read; None: skip the field.

    >>> known(0, 2, 4), known(29305, 2, 8), known(0, 8, 3), known(6871, 2, 8)
    ('packetDeltaCount', 'reversePacketDeltaCount', None, None)
    """
    if enterprise == 0 and element in _FIXED:
        name, width = _FIXED[element]
        return name if length == width else None
    if not 1 <= length <= 8:  # integers may be sent in fewer octets (RFC 7011, section 6.2)
        return None
    if enterprise == 0:
        return _NUMBERS.get(element)
    return _REVERSE_NUMBERS.get(element) if enterprise == REVERSE else None


def dtype_of(length: int) -> npt.DTypeLike:
    """How NumPy sees a field of that many octets in network order."""
    if length == 16:
        return (">u8", (2,))
    return f">u{length}" if length in (1, 2, 4, 8) else ("u1", (length,))


def number(column: npt.NDArray[np.generic]) -> npt.NDArray[np.unsignedinteger]:
    """A column of integers in the machine's byte order; odd widths (3, 5, 6, 7 octets) are put together.

    >>> number(np.array([[1, 0, 2]], np.uint8))
    array([65538], dtype=uint64)
    """
    if column.ndim == 1:
        return column.astype(column.dtype.newbyteorder("="))
    value = np.zeros(len(column), np.uint64)
    for octet in range(column.shape[1]):
        value = (value << np.uint64(8)) | column[:, octet].astype(np.uint64)
    return value
