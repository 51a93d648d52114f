"""What a record is, once its bytes are read.

Two kinds, because their rates differ by a factor of a thousand. Flows stay columns: `FLOW` rows of
NumPy structured arrays, judged a batch at a time. Control-plane and vault events are one slotted struct
each, `Event`. What can't be read is a value too, `Rejected`, so that it is counted and kept.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

HOUR_US = 3_600_000_000
SECOND_US = 1_000_000

MANAGEMENT = "management"
KEY_VAULT = "key_vault"
NETWORK = "network"
SIGN_IN = "sign_in"
INVENTORY = "inventory"  # who holds which address: for the router alone (`ingest.holding_records`)

# Outcomes of an event. `started` is the first half of an operation whose end is another record.
STARTED = "started"
SUCCESS = "success"
FAILURE = "failure"
DENIED = "denied"


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One control-plane (Activity Log) or vault (Key Vault audit) event, or a sign-in (Entra), normalised.

    Text fields are empty where the log says nothing. Ids keep the case they came in (they are shown to
    people) except where noted; compare them with `.lower()`. Give the fields by name; `ingest.parts` alone gives
    them by place, since that takes a fifth of the time.
    """

    at_us: int  # event time, microseconds since 1970, UTC
    layer: str  # MANAGEMENT, KEY_VAULT or SIGN_IN; INVENTORY goes no further than the router
    operation: str  # management: lower case, 'microsoft.web/sites/publishxml/action'; vault: 'SecretGet'
    outcome: str  # STARTED, SUCCESS, FAILURE or DENIED
    principal: str = ""  # object id; where none came, the UPN, else the application id; '' = nobody named
    name: str = ""  # UPN or display name, for people
    kind: str = ""  # 'user', 'service_principal' or '' (not known)
    application: str = ""  # application (client) id, lower case
    address: str = ""  # caller's address, canonical text, without port
    resource: str = ""  # resource id that was acted on
    vault: str = ""  # resource id of the vault: vault events, and management events scoped to a vault
    item: str = ""  # vault events: 'secrets/db', 'keys/k1', 'certificates/c1'; never a version or a value
    client: str = ""  # user agent of vault events (properties.clientInfo)
    region: str = ""  # the resource's region where the record says it
    subscription: str = ""  # lower case
    operation_id: int = 0  # joins the start and end records of one operation; 0 = it is whole by itself
    details: dict[str, Any] = {}  # few and bounded; keys are listed in `docs/architecture.md`
    uid: int = 0  # 63-bit content hash: the same event delivered twice has the same
    # where the record stands: for evidence
    source: str = ""
    offset: int = 0  # record number in the file (0 = first)
    # enrichment of the caller's address
    country: str = ""  # ISO 3166 alpha-2
    latitude: float | None = None
    longitude: float | None = None
    listed: tuple[str, ...] = ()  # threat-intelligence categories that hold at `at_us`, sorted


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not be read: counted, and kept in `rejected.jsonl`."""

    reason: str  # a sentence a person can act on
    source: str = ""
    offset: int = 0  # bytes for IPFIX, record number (from 0) for logs, line (from 1) for feeds, inventories
    excerpt: str = ""  # at most 200 characters, printable
    kind: str = "record"  # 'record', 'message', 'set', 'file', 'indicator', 'inventory'


# One flow, or one direction of it. Addresses are 128 bits as two words; an IPv4 address is the mapped
# ::ffff:a.b.c.d (high word 0), so that both families are one column. `*_back` are the reverse direction's
# counters of a biflow (RFC 5103), 0 otherwise.
FLOW = np.dtype(
    [
        ("start_us", "<i8"),
        ("end_us", "<i8"),
        ("src_hi", "<u8"),
        ("src_lo", "<u8"),
        ("dst_hi", "<u8"),
        ("dst_lo", "<u8"),
        ("packets", "<u8"),
        ("octets", "<u8"),
        ("packets_back", "<u8"),
        ("octets_back", "<u8"),
        ("offset", "<u8"),  # in its file: octets before the message; of a flow log, the record or line
        ("sampling", "<u4"),  # one in N; 0 = the export does not say
        ("src_port", "<u2"),
        ("dst_port", "<u2"),
        ("protocol", "u1"),
        ("flags", "u1"),  # TCP control bits seen, 0 = none reported
        ("denied", "?"),  # a flow log said that it was not let through
        ("seen_at", "u1"),  # at whose interface: 0 = not told, 1 = the source's, 2 = the destination's
    ]
)

SERVICES = ("", "ssh", "rdp")  # the code of a service is its index
SERVICE_PORTS = {22: 1, 3389: 2}

# A flow that bears on a detection, seen from the resource that held one of its addresses.
TRAFFIC = np.dtype(
    [
        ("entity", "<i4"),  # index into the batch's list of resource ids
        ("start_us", "<i8"),
        ("end_us", "<i8"),
        ("own_hi", "<u8"),  # the resource's address
        ("own_lo", "<u8"),
        ("peer_hi", "<u8"),
        ("peer_lo", "<u8"),
        ("packets", "<u8"),
        ("octets", "<u8"),
        ("offset", "<u8"),
        ("source", "<u4"),  # index into the batch's list of sources
        ("sampling", "<u4"),
        ("client_port", "<u2"),  # the port of the side that is not the service
        ("peer_port", "<u2"),  # the peer's port (evidence of malicious_address)
        ("service", "u1"),  # index into SERVICES
        ("outgoing", "?"),  # the resource is the client
        ("forward", "?"),  # this row is the client-to-server direction
        ("both", "?"),  # both directions carried packets (biflow)
        ("denied", "?"),
        ("malicious", "?"),  # the peer is listed as command and control at that time
    ]
)


def address_words(text: str) -> tuple[int, int]:
    """The two 64-bit words of an IPv4 (mapped) or IPv6 address.

    >>> [hex(word) for word in address_words("10.0.0.1")]
    ['0x0', '0xffff0a000001']
    """
    from ipaddress import IPv4Address, ip_address

    address = ip_address(text)
    number = int(address) | (0xFFFF << 32) if isinstance(address, IPv4Address) else int(address)
    return number >> 64, number & 0xFFFF_FFFF_FFFF_FFFF


def address_text(high: int, low: int) -> str:
    """The canonical text of an address given as two words; a mapped IPv4 address is shown as IPv4.

    >>> address_text(0, 0xFFFF_0A00_0001)
    '10.0.0.1'
    """
    low = int(low)
    if not high and low >> 32 == 0xFFFF:
        return f"{low >> 24 & 255}.{low >> 16 & 255}.{low >> 8 & 255}.{low & 255}"
    from ipaddress import IPv6Address

    return str(IPv6Address((int(high) << 64) | low))
