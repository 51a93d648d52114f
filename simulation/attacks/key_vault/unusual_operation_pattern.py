"""An application's stolen identity copies keys and destroys secrets, no more calls an hour than usual."""

from __future__ import annotations

from simulation.acts import Act, Client
from simulation.attacks.key_vault.regulars import a_reader
from simulation.attacks.scene import Attack, Scene

TYPE = "key_vault.unusual_operation_pattern"
BACKED_UP = slice(1, 7)  # vaults whose items are saved each week anyway (`services`)


def play(scene: Scene) -> Attack:
    """Decrypting, backing up, deleting, at the vault's usual pace."""
    quiet = scene.world.estate.vaults[BACKED_UP]
    service, vault, rate = a_reader(
        scene, lambda v: v not in quiet and len(v.secrets) >= 6, "vault that isn't backed up"
    )
    client = Client(service.who.name, service.who.appid, service.agent)
    key = f"keys/{vault.keys[0]}"
    odd = [("KeyDecrypt", key), ("KeyDecrypt", key), ("KeyBackup", key)]
    odd += [
        (verb, f"secrets/{name}") for name in vault.secrets[:4] for verb in ("SecretBackup", "SecretDelete")
    ]
    count = max(int(rate), scene.size(12, 6, 3))
    plan = (odd * 4)[: scene.size(count, max(count // 2, 6), 3)]
    at_us, acts = scene.start_us, list[Act]()
    for operation, item in plan:
        acts.append(scene.call(at_us, service.who, client, service.addresses[0], operation, vault, item))
        at_us += scene.pause(2400 / len(plan))
    return scene.events(
        ("vault", vault.resource), acts, f"{len(plan)} calls that decrypt, back up and delete"
    )
