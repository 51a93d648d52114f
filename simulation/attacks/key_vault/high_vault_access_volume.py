"""A developer's stolen token tries vault after vault."""

from __future__ import annotations

from simulation.acts import Act
from simulation.attacks.key_vault.regulars import usual_client
from simulation.attacks.scene import Attack, Entity, Scene
from simulation.rhythm import home_address

TYPE = "key_vault.high_vault_access_volume"


def play(scene: Scene) -> Attack:
    """One or two secrets from each, over an hour and a half, from the usual address."""
    person = scene.cast.person(scene.day, lambda p: p.role == "developer" and len(p.vaults) <= 3, "developer")
    client, address = usual_client(person), home_address(scene.world, person, scene.day)
    every = [vault for vault in scene.world.estate.vaults if vault.kind != "build"]
    vaults = scene.rng.sample(every, min(scene.size(18, 7, 5), len(every)))
    at_us, acts = scene.start_us, list[Act]()
    for vault in vaults:
        for name in vault.secrets[: scene.rng.randint(1, 2)]:
            acts.append(scene.call(at_us, person.who, client, address, "SecretGet", vault, f"secrets/{name}"))
            at_us += scene.pause(150)
    strange: list[tuple[str, Entity]] = [
        (f"key_vault.unusual_{what}", ("vault", vault.resource))
        for vault in vaults
        if vault not in person.vaults
        for what in ("user", "application", "user_application_pair")
    ]
    note = f"{len(vaults)} vaults, where {len(person.vaults)} are this person's own"
    return scene.events(("principal", person.who.oid), acts, note, strange)
