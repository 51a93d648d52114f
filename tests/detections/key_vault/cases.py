"""Cases of the vault detections: a history, what then happens, and every detection that may fire on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ingest.records import DENIED, FAILURE, MANAGEMENT, Event
from tests.detections.key_vault.histories import (
    COMMAND_LINE,
    MINUTE_US,
    MIXED,
    OWN_TOOL,
    POWERSHELL,
    RESOURCE_GRAPH,
    WEB,
    Habits,
    event,
    grant,
    person,
)

TOR = "key_vault.tor_access"
POLICY = "key_vault.policy_change_and_query"
LIST = "key_vault.list_and_query"
PAIR = "key_vault.unusual_user_application_pair"
APPLICATION = "key_vault.unusual_application"
USER = "key_vault.unusual_user"
PATTERN = "key_vault.unusual_operation_pattern"
VOLUME = "key_vault.high_operation_volume"

NIGHTLY = Habits(secrets=60, batch=60, admins=2)
BUILDS = Habits(builds=4.0, build_lists=True, admins=2)
DEPLOYS = Habits(web=10.0, deploys=2.0, admins=3)
LOYAL = Habits(web=20.0, admins=3, loyal=True)
MONTHLY = Habits(web=20.0, month_end=1500, rotation=15, admins=2, month=12)

Story = Callable[[int], Iterator[Event]]


@dataclass(frozen=True)
class Case:
    """`story(at_us)` gives events from a Monday's noon on, after so many days of history."""

    name: str
    habits: Habits
    story: Story
    fires: frozenset[str] = frozenset()
    days: int = 21
    denied: bool = False
    severity: str | None = None


def fires(*types: str) -> frozenset[str]:
    """The detections that fire, and no other may."""
    return frozenset(types)


def reads(
    start: int, count: int, gap_us: int = 5_000_000, name: str = "admin7-0", **more: str
) -> Iterator[Event]:
    """So many different secrets read by a person."""
    for number in range(count):
        yield person(start + number * gap_us, "SecretGet", name, item=f"secrets/s{number}", **more)


def dump(start: int, count: int, name: str = "admin7-0", **more: str) -> Iterator[Event]:
    """A listing, then reads."""
    yield person(start, "SecretList", name, **more)
    yield from reads(start + 10_000_000, count, name=name, **more)


def tor(outcome: str = "success", *listed: str) -> Story:
    """A known admin from an address that lists say something of."""

    def story(at: int) -> Iterator[Event]:
        more = {"address": "185.220.101.7", "country": "DE", "listed": listed, "outcome": outcome}
        yield person(at, "SecretGet", "admin7-0", item="secrets/s1", **more)

    return story


def own_policy(reads_after_minutes: int = 1, back: bool = False) -> Story:
    """A known admin changes the vault's policy and reads some secrets later."""

    def story(at: int) -> Iterator[Event]:
        yield person(at, "VaultPatch", "admin7-0")
        yield from reads(at + reads_after_minutes * MINUTE_US, 3)

    return story


def own_secret(at: int) -> Iterator[Event]:
    """A policy change, then a new secret is written and read back."""
    yield person(at, "VaultPut", "admin7-0")
    yield person(at + MINUTE_US, "SecretSet", "admin7-0", item="secrets/new")
    yield person(at + 2 * MINUTE_US, "SecretGet", "admin7-0", item="secrets/new")


def toolkit(at: int) -> Iterator[Event]:
    """Rights taken, everything listed and read, rights given back: as MicroBurst does."""
    yield person(at, "microsoft.keyvault/vaults/write", "admin7-0", layer=MANAGEMENT)
    yield person(at + MINUTE_US, "KeyList", "admin7-0")
    yield from dump(at + 2 * MINUTE_US, 8)
    yield person(at + 4 * MINUTE_US, "microsoft.keyvault/vaults/write", "admin7-0", layer=MANAGEMENT)


def role_for_new_application(at: int) -> Iterator[Event]:
    """A known admin assigns a role on the vault to a new application, which reads at once."""
    yield grant(
        at, "oid-admin7-0", "sp-new", kind="user", name="admin7-0@contoso.com", application=COMMAND_LINE
    )
    yield event(at + MINUTE_US, "SecretGet", "sp-new", item="secrets/s1")


def refused_policy(at: int) -> Iterator[Event]:
    """A change of policy that was refused, then reads that were not."""
    yield person(at, "VaultPatch", "admin7-0", outcome=DENIED)
    yield from reads(at + MINUTE_US, 3)


def new_application(
    outcome: str = "success", operation: str = "SecretGet", application: str = "app-x"
) -> Story:
    """A service principal that the vault does not know."""

    def story(at: int) -> Iterator[Event]:
        item = "" if operation.startswith("Vault") else "secrets/s1"
        yield event(at, operation, "sp-x", application=application, item=item, outcome=outcome)

    return story


def new_user(outcome: str = "success", application: str = "") -> Story:
    """A person whom the vault does not know."""

    def story(at: int) -> Iterator[Event]:
        more = {"application": application} if application else {}
        yield person(at, "SecretGet", "mallory", item="secrets/s1", outcome=outcome, **more)

    return story


def known_user(application: str, name: str = "admin7-0") -> Story:
    """A person whom the vault knows, through an application."""

    def story(at: int) -> Iterator[Event]:
        yield person(at, "SecretGet", name, item="secrets/s1", application=application)

    return story


def odd_mix(count: int) -> Story:
    """A known admin backs keys up and deletes."""

    def story(at: int) -> Iterator[Event]:
        for number in range(count):
            operation = ("KeyBackup", "KeyDelete")[number % 2]
            yield person(at + number * 20_000_000, operation, "admin7-0", item=f"keys/k{number // 2}")

    return story


def flood(count: int, outcome: str = "success", name: str = "admin7-0") -> Story:
    """One secret read over and over by a person."""

    def story(at: int) -> Iterator[Event]:
        for number in range(count):
            yield person(at + number * 3_000_000, "SecretGet", name, item="secrets/s1", outcome=outcome)

    return story


def web_flood(at: int) -> Iterator[Event]:
    """Ten times what the web application makes in an hour, by itself."""
    for number in range(600):
        yield event(at + number * 5_000_000, "SecretGet", "web7", item=f"secrets/s{number % 4}")


def month_end(at: int) -> Iterator[Event]:
    """The month-end job, once more."""
    for number in range(1500):
        item = f"secrets/s{number % 20}"
        yield event(at + number * 2_000_000, "SecretGet", "month7", item=item)


def rotation(at: int) -> Iterator[Event]:
    """The monthly rotation of keys, once more."""
    for number in range(15):
        for operation in ("KeyGet", "KeyRotate", "KeyListVersions"):
            yield event(at + number * 2_000_000, operation, "rotator7", item=f"keys/k{number}")


def nobody(at: int) -> Iterator[Event]:
    """Events without a caller."""
    for number in range(30):
        nameless = {"application": "", "kind": "", "address": "", "country": ""}
        yield event(at + number * 1_000_000, "SecretGet", "", item=f"secrets/s{number % 9}", **nameless)
    yield event(at, "VaultPut", "", application="", kind="")


def late_dump(at: int) -> Iterator[Event]:
    """A listing, and the reads a quarter of an hour later."""
    yield person(at, "SecretList", "admin7-0")
    yield from reads(at + 15 * MINUTE_US, 12)


def batch_again(at: int) -> Iterator[Event]:
    """The nightly job, run at noon."""
    yield event(at, "SecretList", "batch7")
    for number in range(60):
        yield event(at + number * 2_000_000, "SecretGet", "batch7", item=f"secrets/s{number}")


def build(at: int) -> Iterator[Event]:
    """A build job with an identity of its own, as every day."""
    yield event(at, "SecretList", "build-of-today")
    for number in range(7):
        yield event(at + number * 2_000_000, "SecretGet", "build-of-today", item=f"secrets/s{number}")


def deployment(at: int) -> Iterator[Event]:
    """The deployment that puts the policy and reads, as every day."""
    yield event(at, "VaultPut", "terraform7")
    for number in range(4):
        yield event(at + number * 1_000_000, "SecretGet", "terraform7", item=f"secrets/s{number}")


def other_reader(at: int) -> Iterator[Event]:
    """One admin changes the policy; another, who was given nothing, reads."""
    yield person(at, "VaultPatch", "admin7-0")
    yield from reads(at + MINUTE_US, 3, name="admin7-1")


def across_the_hour(story: Story) -> Story:
    """The same, begun so that it goes on into the next hour."""
    return lambda at: story(at + 59 * MINUTE_US + 30_000_000)


CASES = (
    Case("Tor exit", WEB, tor("success", "tor_exit_node"), fires(TOR)),
    Case("Tor exit, refused", WEB, tor(DENIED, "tor_exit_node"), fires(TOR), denied=True),
    Case("Tor exit on the first day", WEB, tor("success", "tor_exit_node"), fires(TOR), days=1),
    Case("another list than Tor's", WEB, tor("success", "anonymous_proxy")),
    Case("no list", WEB, tor()),
    Case("policy change, then reads", WEB, own_policy(), fires(POLICY)),
    Case("policy change, reads in the next hour", WEB, across_the_hour(own_policy()), fires(POLICY)),
    Case("role for a new application", WEB, role_for_new_application, fires(POLICY, APPLICATION)),
    Case(
        "policy change and dump in the first days", WEB, toolkit, fires(POLICY, LIST), days=7, severity="high"
    ),
    Case("policy change in the first days", WEB, own_policy(), days=7),
    Case("daily deployment", DEPLOYS, deployment),
    Case("reads two hours after a policy change", WEB, own_policy(121)),
    Case("reading back one's own secret", WEB, own_secret),
    Case("reads by someone else", WEB, other_reader),
    Case("a policy change that was refused", WEB, refused_policy),
    Case("list, then fifteen reads", WEB, lambda at: dump(at, 15), fires(LIST)),
    Case("list, reads in the next hour", WEB, across_the_hour(lambda at: dump(at, 15)), fires(LIST)),
    Case("nightly job", NIGHTLY, batch_again),
    Case("build with a new identity each day", BUILDS, build),
    Case("a person's dump among daily builds", BUILDS, lambda at: dump(at, 15), fires(LIST)),
    Case("list, then four reads", WEB, lambda at: dump(at, 4)),
    Case("list, reads a quarter of an hour later", WEB, late_dump),
    Case("list, then reads, in the first days", WEB, lambda at: dump(at, 12), days=7),
    Case("new application", WEB, new_application(), fires(APPLICATION)),
    Case("new application, refused", WEB, new_application(DENIED), fires(APPLICATION), denied=True),
    Case("new application, no such secret", WEB, new_application(FAILURE), fires(APPLICATION), denied=True),
    Case(
        "new application looks at properties",
        WEB,
        new_application(operation="VaultGet"),
        fires(APPLICATION),
        severity="low",
    ),
    Case("new application in the first days", WEB, new_application(), days=7),
    Case("new build identity", BUILDS, new_application()),
    Case("Azure Resource Graph", LOYAL, new_application(operation="VaultGet", application=RESOURCE_GRAPH)),
    Case(
        "Azure Resource Graph's id reads a secret",
        Habits(web=20.0),
        new_application(application=RESOURCE_GRAPH),
        fires(APPLICATION),
    ),
    Case("new user", WEB, new_user(), fires(USER)),
    Case("new user, refused", WEB, new_user(DENIED), fires(USER), denied=True),
    Case("new user in the first days", WEB, new_user(), days=7),
    Case("new user, new application", WEB, new_user(application=OWN_TOOL), fires(APPLICATION)),
    Case("new user, anybody's client", WEB, new_user(application=POWERSHELL), fires(USER)),
    Case("known user, new application", WEB, known_user(OWN_TOOL), fires(APPLICATION)),
    Case("known user, new application, among new builds", BUILDS, known_user(OWN_TOOL), fires(APPLICATION)),
    Case("known user, another's application", LOYAL, known_user(COMMAND_LINE), fires(PAIR)),
    Case("known user, another's application, first days", LOYAL, known_user(COMMAND_LINE), days=7),
    Case("known pair", LOYAL, known_user(COMMAND_LINE, "admin7-1")),
    Case("odd mix of operations", WEB, odd_mix(60), fires(PATTERN)),
    Case("odd mix, few operations", WEB, odd_mix(6)),
    Case("odd mix in the first days", WEB, odd_mix(60), days=7),
    Case("monthly rotation", MONTHLY, rotation, days=35),
    Case("many operations", WEB, flood(800), fires(VOLUME)),
    Case("many operations, all refused", WEB, flood(800, DENIED), fires(VOLUME), denied=True),
    Case("many operations by the web application", WEB, web_flood, fires(VOLUME)),
    Case("as many as the web application makes", WEB, flood(45)),
    Case("many operations in the first days", WEB, flood(800), days=7),
    Case("month-end job", MONTHLY, month_end, days=35),
    Case("a caller that the log does not name", WEB, nobody),
    Case("a day like any other", MIXED, lambda at: reads(at, 2)),
)
