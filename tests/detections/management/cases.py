"""Cases of the management detections; those of places are in `cases_of_places`."""

from __future__ import annotations

from collections.abc import Iterator

from tests.detections.management import cases_of_places
from tests.detections.management.happenings import (
    AZURITE,
    COMMAND_LINE,
    GRANT,
    INACTIVE,
    MICROBURST,
    NOW,
    RESOURCE_GRAPH,
    RESTART,
    ROLE,
    SHELL,
    WEBHOOK,
    Case,
    breadth,
    commands,
    define,
    dump,
    fires,
    give,
    profiles,
    role,
    runbook,
    shell,
    storage,
    vault_steps,
)
from tests.detections.management.office import DAY_H, POWERSHELL, act


def _microburst() -> Iterator[Case]:
    yield Case("secrets of six kinds at once", lambda: breadth(6), fires(MICROBURST), severity="high")
    yield Case("secrets of six kinds on the first day", lambda: breadth(6, 20), fires(MICROBURST), days=1)
    yield Case(
        "secrets of six kinds, refused",
        lambda: breadth(6, outcome="denied"),
        fires(MICROBURST),
        severity="medium",
    )
    yield Case("secrets of two kinds", lambda: breadth(2))
    yield Case("secrets of four kinds", lambda: breadth(4))
    yield Case(
        "secrets of four kinds, and keys of five accounts",
        lambda: breadth(4) + storage(5),
        fires(MICROBURST),
        severity="high",
    )
    yield Case("secrets of six kinds in an hour", lambda: breadth(6, gap=9))
    yield Case(
        "secrets of six kinds by Azure Resource Graph",
        lambda: breadth(6, application=RESOURCE_GRAPH, kind="service_principal"),
    )
    yield Case(
        "keys of many storage accounts, nothing else",
        lambda: storage(12, application=POWERSHELL),
        fires(MICROBURST),
        severity="low",
    )
    yield Case(
        "keys of many storage accounts, refused",
        lambda: storage(12, application=POWERSHELL, outcome="denied"),
        fires(MICROBURST),
        severity="informational",
    )
    yield Case("keys of four storage accounts", lambda: storage(4, application=POWERSHELL))
    yield Case("keys of many storage accounts in the portal", lambda: storage(12))
    yield Case(
        "a runbook that lives for minutes, with a random name",
        lambda: runbook((NOW, 10), (NOW, 14)),
        fires(MICROBURST),
    )
    yield Case(
        "a runbook that lives for minutes, with a name of words",
        lambda: runbook((NOW, 10), (NOW, 14), "stop-idle-machines"),
    )
    yield Case(
        "a runbook that stays for hours, with a name of words",
        lambda: runbook((NOW, 10), (NOW + 3, 14), "stop-idle-machines"),
    )
    yield Case(
        "a runbook that stays for hours, with a random name", lambda: runbook((NOW, 10), (NOW + 3, 14))
    )
    yield Case(
        "a vault opened, read out and closed",
        lambda: vault_steps("policy", "KeyList", "KeyGet", "policy", "SecretList", "SecretGet", "policy"),
        fires(MICROBURST),
    )
    yield Case(
        "a vault set up by a script that reads a secret", lambda: vault_steps("policy", "policy", "SecretGet")
    )
    yield Case(
        "a vault set up by a script that lists its secrets",
        lambda: vault_steps("policy", "policy", "SecretList", "SecretGet"),
    )
    yield Case(
        "a vault opened for one secret, and closed", lambda: vault_steps("policy", "SecretGet", "policy")
    )
    yield Case(
        "commands on twenty machines by PowerShell, for the first time",
        lambda: commands(20, application=POWERSHELL),
        fires(MICROBURST, SHELL),
    )
    yield Case(
        "commands on three machines by PowerShell", lambda: commands(3, application=POWERSHELL), fires(SHELL)
    )
    yield Case("commands on twenty machines in the portal", lambda: commands(20))
    yield Case(
        "commands on twenty machines by PowerShell, as every third day",
        lambda: (
            [e for time in range(8) for e in commands(20, 24 + time * 3 * DAY_H, application=POWERSHELL)]
            + commands(20, application=POWERSHELL)
        ),
    )


def _azurite() -> Iterator[Case]:
    yield Case(
        "three profiles of each site, then the vaults",
        lambda: profiles(4) + dump(3),
        fires(AZURITE, SHELL),
        severity="high",
    )
    yield Case(
        "three profiles of each site, refused",
        lambda: profiles(4, outcome="denied"),
        fires(AZURITE, SHELL),
        severity="high",
    )
    yield Case(
        "three profiles of two sites by the command line",
        lambda: profiles(2, application=COMMAND_LINE),
        fires(AZURITE),
    )
    yield Case(
        "three profiles of two sites on the first day",
        lambda: profiles(2, hour=20),
        fires(AZURITE),
        kept={SHELL: "learning"},
        days=1,
    )
    yield Case(
        "three profiles of one site by the command line", lambda: profiles(1, application=COMMAND_LINE)
    )
    yield Case("two profiles of each site", lambda: profiles(4, 2), fires(SHELL))
    yield Case("three profiles of each site over ten minutes", lambda: profiles(4, gap=5), fires(SHELL))
    yield Case(
        "three profiles of each site, one of them fetched before",
        lambda: [*profiles(1, 1, at=20), *profiles(4, at=40)],
        fires(AZURITE, SHELL),
    )
    yield Case(
        "three profiles of a site by somebody who deploys to it",
        lambda: [*profiles(1), shell("microsoft.web/sites/write", minute=3)],
        fires(SHELL),
    )
    yield Case("vaults read out keys first, no profiles", lambda: dump(3))


def _inactive() -> Iterator[Case]:
    back = (29 + 46) * DAY_H + 20
    yield Case(
        "rights given after 46 days of silence",
        lambda: [act(back, 5, GRANT)],
        fires(INACTIVE),
        severity="medium",
    )
    yield Case(
        "rights given after 46 days of silence, refused",
        lambda: [act(back, 5, GRANT, outcome="denied")],
        fires(INACTIVE),
        severity="low",
    )
    yield Case(
        "rights given after 46 days of silence, in vain", lambda: [act(back, 5, GRANT, outcome="failure")]
    )
    yield Case("rights given after 44 days of silence", lambda: [act((29 + 44) * DAY_H + 20, 5, GRANT)])
    yield Case("harmless work after 60 days of silence", lambda: [act((29 + 60) * DAY_H, 5, RESTART)])
    yield Case(
        "rights given a day after the return", lambda: [act(back, 5, RESTART), act(back + 26, 5, GRANT)]
    )
    yield Case("rights given by somebody who was never seen", lambda: [act(NOW, 5, GRANT, "zoe")], who="zoe")
    yield Case(
        "Microsoft's own service after 60 days",
        lambda: [act((29 + 60) * DAY_H, 5, GRANT, application=RESOURCE_GRAPH, kind="service_principal")],
    )


def _powershell() -> Iterator[Case]:
    yield Case(
        "a webhook by PowerShell, first time", lambda: [shell(WEBHOOK)], fires(SHELL), severity="medium"
    )
    yield Case(
        "a webhook by PowerShell, refused",
        lambda: [shell(WEBHOOK, outcome="denied")],
        fires(SHELL),
        severity="low",
    )
    yield Case("a webhook by PowerShell, in vain", lambda: [shell(WEBHOOK, outcome="failure")])
    yield Case("a webhook in the portal", lambda: [act(NOW, 5, WEBHOOK)])
    yield Case("harmless work by PowerShell, first time", lambda: [shell(RESTART)])
    yield Case(
        "a webhook by PowerShell, used last month", lambda: [shell(RESTART, 9 * DAY_H), shell(WEBHOOK)]
    )
    early = [shell(WEBHOOK, day * DAY_H + 10) for day in (2, 3, 4)]
    yield Case(
        "a webhook by PowerShell, as on three of the first days and never since",
        lambda: [*early, shell(WEBHOOK)],
        fires(SHELL),
        severity="informational",
    )
    yield Case(
        "a webhook by PowerShell, as on three of the first days and last week",
        lambda: [*early, shell(WEBHOOK, 20 * DAY_H + 10), shell(WEBHOOK)],
    )
    yield Case(
        "a webhook by PowerShell, a month after the one before",
        lambda: [shell(WEBHOOK, 2 * DAY_H + 10), shell(WEBHOOK)],
    )
    yield Case(
        "a webhook by PowerShell, used 46 days ago",
        lambda: [
            shell(RESTART, 9 * DAY_H),
            *(act(day * DAY_H + 9, 5, RESTART) for day in range(30, 55)),
            shell(WEBHOOK, 55 * DAY_H + 10),
        ],
        fires(SHELL),
    )
    yield Case(
        "a webhook by PowerShell in the first days",
        lambda: [shell(WEBHOOK, 5 * DAY_H + 20)],
        kept={SHELL: "still learning"},
        days=5,
    )
    yield Case(
        "a webhook by PowerShell by somebody who was never seen",
        lambda: [shell(WEBHOOK, principal="zoe")],
        kept={SHELL: "learning"},
        who="zoe",
    )


def _persistence() -> Iterator[Case]:
    yield Case("a role with all rights, made and given", lambda: role("*"), fires(ROLE), severity="medium")
    yield Case(
        "a role with all rights, on the first day",
        lambda: [define(["*"], (20, 10)), give((20, 20))],
        fires(ROLE),
        days=1,
    )
    yield Case(
        "a role with all rights, refused to its taker",
        lambda: role("*", outcome="denied"),
        fires(ROLE),
        severity="low",
    )
    yield Case("a role with all rights, given in vain", lambda: role("*", outcome="failure"))
    yield Case(
        "a role with all rights, given by another", lambda: role("*", who="tim"), fires(ROLE), who="tim"
    )
    yield Case(
        "a role over every part of the machines",
        lambda: role("Microsoft.Compute/virtualMachines/*"),
        fires(ROLE),
    )
    yield Case("a role over everything in storage", lambda: role("Microsoft.Storage/*"), fires(ROLE))
    yield Case(
        "a role that gives roles", lambda: role("Microsoft.Authorization/roleAssignments/write"), fires(ROLE)
    )
    yield Case("a role to read, made and given", lambda: role("*/read"), kept={ROLE: "far-reaching"})
    yield Case(
        "a role to start machines",
        lambda: role("Microsoft.Compute/virtualMachines/start/action", "Microsoft.Insights/*"),
        kept={ROLE: "far-reaching"},
    )
    yield Case(
        "a role with all rights, given after nine days",
        lambda: role("*", given=(NOW + 9 * DAY_H, 3)),
        kept={ROLE: "week before"},
    )
    yield Case("a role with all rights, given to nobody", lambda: role("*")[:1])
    yield Case("a built-in role", lambda: [define(["*"]), give(name="8e3af657-a8ff-443c-a75c-2fe8c4bcb635")])
    yield Case(
        "a role that nobody made",
        lambda: [give(name="4633458b-17de-408a-b874-0445c86b69e6")],
        kept={ROLE: "not a far-reaching one"},
    )
    yield Case(
        "a new role with all rights, among hundreds of old ones",
        lambda: [
            define(["*"]),
            *(give((NOW, n / 40), name="old", to=f"t{n}") for n in range(600)),
            *(give((NOW, 15 + n / 60), name=f"old{n}") for n in range(60)),
            give(),
        ],
        fires(ROLE),
    )
    yield Case(
        "a role with all rights refused, an old one given",
        lambda: [*role("*", outcome="denied"), give((NOW, 30), name="old")],
        fires(ROLE),
        severity="low",
    )


CASES = tuple(
    case
    for cases in (
        _microburst,
        _azurite,
        _inactive,
        _powershell,
        _persistence,
        cases_of_places.country,
        cases_of_places.anonymous,
        cases_of_places.travel,
    )
    for case in cases()
)
