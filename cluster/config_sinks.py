"""`[[sinks]]` of a configuration: where alerts are delivered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from cluster.config_base import File, SaslTable, Severity, Table, Variable, YesNo

Kind = Literal["webhook", "file", "email", "syslog", "chat", "sentinel", "kafka"]
Name = Annotated[
    str, Meta(description="letters, digits, '-' and '_', at most 60", pattern=r"^[A-Za-z0-9_-]{1,60}$")
]
Text = Annotated[str, Meta(description="a text", min_length=1)]
Count = Annotated[int, Meta(ge=0, le=100_000, description="a whole number, 0 to 100000")]
Address = Annotated[str, Meta(description="an address of mail, like 'soc@example.com'", min_length=3)]


class SinkTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sink; which keys it may have depends on its kind."""

    name: Name
    kind: Kind
    # Which alerts
    severity: Severity = "informational"
    types: Annotated[
        tuple[Annotated[str, Meta(description="a type of alert")], ...],
        Meta(description="a list of types of alerts, like ['key_vault.tor_access']"),
    ] = ()
    regions: Annotated[
        tuple[Annotated[str, Meta(description="a region")], ...], Meta(description="a list of regions")
    ] = ()
    complete_only: YesNo = False
    updates: Literal["all", "graver"] | None = None  # None: as fits its kind
    # How
    timeout_seconds: Annotated[float, Meta(ge=0.1, le=120, description="a number of seconds, 0.1 to 120")] = (
        10
    )
    when_full: Literal["wait", "give_up"] = "wait"
    give_up_days: Annotated[float, Meta(ge=0.001, le=365, description="a number of days, 0.001 to 365")] = 7
    # Where to
    url: Annotated[str, Meta(description="an address, like 'https://example.com/alerts'")] | None = None
    url_env: Variable | None = None
    url_file: File | None = None
    path: Annotated[str, Meta(description="the path of a file", min_length=1)] | None = None
    format: Literal["json", "ocsf", "stix", "sentinel", "cef", "csv", "syslog"] | None = None
    allow_internal: YesNo = False
    ca_file: File | None = None
    secret_env: Variable | None = None
    secret_file: File | None = None
    token_env: Variable | None = None
    token_file: File | None = None
    # Mail
    host: Annotated[str, Meta(description="the name of a host", min_length=1)] | None = None
    port: Annotated[int, Meta(ge=1, le=65535, description="a port, 1 to 65535")] | None = None
    security: Literal["starttls", "tls", "none"] | None = None
    user: Text | None = None
    password_env: Variable | None = None
    password_file: File | None = None
    sender: Address | None = None
    to: Annotated[
        tuple[Address, ...], Meta(description="a list of addresses of mail, like ['soc@example.com']")
    ] = ()
    pictures: YesNo = False
    caps: (
        Annotated[
            Mapping[Severity, Count],
            Meta(description="messages a day by severity, like { high = 4, medium = 2, low = 1 }"),
        ]
        | None
    ) = None
    # Syslog
    address: (
        Annotated[str, Meta(description="an address, like 'tls://siem.example.com:6514'", min_length=1)]
        | None
    ) = None
    framing: Literal["octets", "newline"] | None = None
    # Sentinel
    rule: Text | None = None
    stream: Text | None = None
    tenant: Text | None = None
    client: Text | None = None
    authority: (
        Annotated[str, Meta(description="an address, like 'https://login.microsoftonline.com'")] | None
    ) = None
    # Kafka
    servers: Annotated[str, Meta(description="hosts and ports, like 'kafka1:9092, kafka2:9092'")] | None = (
        None
    )
    topic: Annotated[str, Meta(description="the name of a topic", min_length=1)] | None = None
    sasl: SaslTable | None = None
    options: (
        Annotated[Mapping[str, Any], Meta(description="a table of librdkafka's options, by its names")] | None
    ) = None


COMMON = frozenset(
    [
        "name",
        "kind",
        "severity",
        "types",
        "regions",
        "complete_only",
        "updates",
        "timeout_seconds",
        "when_full",
        "give_up_days",
    ]
)
# What each kind needs, and what it may have beside that; 'x_env' stands for 'x_file' as well.
NEEDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    kind: (frozenset(needs.split()), frozenset(may.split()))
    for kind, needs, may in (
        ("webhook", "url", "format allow_internal ca_file secret_env secret_file token_env token_file"),
        ("file", "path", "format"),
        ("email", "host sender to", "port security user password_env password_file caps ca_file pictures"),
        ("syslog", "address", "format framing ca_file"),
        ("chat", "url_env", "url_file"),
        (
            "sentinel",
            "url rule stream tenant client secret_env",
            "secret_file ca_file authority allow_internal",
        ),
        ("kafka", "servers topic", "format sasl options"),
    )
}

FORMATS: Mapping[str, tuple[str, ...]] = {  # where not all will do
    "syslog": ("syslog", "cef"),
    "webhook": ("json", "ocsf", "stix", "sentinel"),
    "kafka": ("json", "ocsf", "stix", "sentinel", "cef", "syslog"),  # a message is no file, and has no head
}


def wrong_with(table: SinkTable, said: Mapping[str, object]) -> str | None:
    """What is wrong with a sink's keys as a whole; None if nothing is."""
    needs, may = NEEDS[table.kind]
    for key in said:
        if key not in COMMON | needs | may:
            kinds = ", ".join(kind for kind, (one, two) in NEEDS.items() if key in one | two)
            return f"{key} is for sinks of the kind {kinds}, not {table.kind}"
    for key in sorted(needs):
        other = key.removesuffix("_env") + "_file" if key.endswith("_env") else key
        if key not in said and other not in said:
            either = key if other == key else f"{key} or {other}"
            return f"a sink of the kind {table.kind} needs {either}"
    for key in said:
        if key.endswith("_env") and key.removesuffix("_env") + "_file" in said:
            return f"either {key} or {key.removesuffix('_env')}_file was expected, not both"
    if table.kind in FORMATS and table.format not in (None, *FORMATS[table.kind]):
        return f"format is one of {', '.join(FORMATS[table.kind])} for this kind, found {table.format!r}"
    return None
