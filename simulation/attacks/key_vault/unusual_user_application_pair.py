"""Somebody who reads from a vault in the portal does so with a command line that only others use there."""

from __future__ import annotations

from simulation.acts import CLI, PORTAL
from simulation.attacks.key_vault.regulars import a_regular, reads
from simulation.attacks.scene import Attack, Scene
from simulation.estate import Vault
from simulation.people import Person
from simulation.rhythm import home_address

TYPE = "key_vault.unusual_user_application_pair"


def play(scene: Scene) -> Attack:
    """User known, application known, the two together new."""

    def fits(person: Person, vault: Vault) -> bool:
        others = [
            other for other in scene.world.people if vault in other.vaults[:2] and other.clients[0][0] is CLI
        ]
        return person.clients[0][0] is PORTAL and bool(others)

    person, vault = a_regular(scene, fits, "portal user at a vault where others use the command line")
    address = home_address(scene.world, person, scene.day)
    acts = reads(scene, person, CLI, address, vault, scene.size(6, 2, 1), scene.start_us)
    return scene.events(
        ("vault", vault.resource), acts, f"{person.who.upn} with the command line for the first time"
    )
