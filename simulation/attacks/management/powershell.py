"""Somebody who never uses PowerShell does, and leaves ways back in."""

from __future__ import annotations

from simulation.acts import PORTAL, POWERSHELL
from simulation.attacks.scene import Attack, Scene
from simulation.rhythm import home_address

TYPE = "management.powershell"


def play(scene: Scene) -> Attack:
    """Malware on the victim's own computer: the address is the usual one, the client is not."""
    victim = scene.cast.person(
        scene.day,
        lambda p: p.role == "developer" and p.clients[0][0] is PORTAL,
        "developer who uses the portal alone",
    )
    estate = scene.world.estate
    address, at_us, acts = home_address(scene.world, victim, scene.day), scene.start_us, []
    machine = estate.machines[0].owners[0][1]
    plan = [
        ("Microsoft.Compute/virtualMachines/extensions/write", f"{machine}/extensions/CustomScriptExtension"),
        (
            "Microsoft.Automation/automationAccounts/webhooks/write",
            f"{estate.automation[0]}/webhooks/nightly-check",
        ),
        (
            "Microsoft.Automation/automationAccounts/runbooks/write",
            f"{estate.automation[0]}/runbooks/Nightly-Check",
        ),
    ]
    for operation, resource in plan[: scene.size(3, 1, 1)]:
        acts.append(
            scene.operate(at_us, victim.who, POWERSHELL, address, operation, resource, status="Created")
        )
        at_us += scene.pause(90)
    note = "first use of PowerShell by this person: a machine extension, a webhook and a runbook are made"
    return scene.events(("principal", victim.who.oid), acts, note)
