"""An application's stolen identity reads its usual secrets far more often than the application does."""

from __future__ import annotations

from simulation.acts import Act, Client
from simulation.attacks.key_vault.regulars import a_reader
from simulation.attacks.scene import Attack, Scene
from simulation.randomness import ranked

TYPE = "key_vault.high_operation_volume"


def play(scene: Scene) -> Attack:
    """The same calls by the same identity from the same address: only their number is odd."""
    service, vault, rate = a_reader(scene, lambda v: v.kind == "application", "application vault")
    client = Client(service.who.name, service.who.appid, service.agent)
    count = scene.size(int(min(80 * rate, 2500)), int(8 * rate) + 40, int(2 * rate) + 20)
    acts: list[Act] = []
    for at_us in scene.times(count, 45):
        item = ranked(scene.rng, vault.items(), 0.9)
        operation = "SecretGet" if item.startswith("secrets") else "KeyUnwrap"
        acts.append(scene.call(int(at_us), service.who, client, service.addresses[0], operation, vault, item))
    entity = ("vault", vault.resource)
    return scene.events(entity, acts, f"{count} calls in 45 minutes where {rate:.0f} an hour are usual")
