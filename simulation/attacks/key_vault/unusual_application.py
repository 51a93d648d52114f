"""A service principal with work elsewhere is used to read from a vault that is not its own."""

from __future__ import annotations

from simulation.acts import Act, Client
from simulation.attacks.key_vault.regulars import a_reader
from simulation.attacks.scene import Attack, Scene

TYPE = "key_vault.unusual_application"


def play(scene: Scene) -> Attack:
    """From its own address, with its own library."""
    _, vault, _ = a_reader(scene, lambda v: v.kind == "application", "application vault")
    stranger = scene.cast.service(
        lambda s: s.kind == "batch" and vault not in s.vaults, "batch job with other vaults"
    )
    client = Client(stranger.who.name, stranger.who.appid, stranger.agent)
    at_us, acts = scene.start_us, list[Act]()
    for name in vault.secrets[: scene.size(6, 2, 1)]:
        item = f"secrets/{name}"
        acts.append(scene.call(at_us, stranger.who, client, stranger.addresses[0], "SecretGet", vault, item))
        at_us += scene.pause(20)
    return scene.events(("vault", vault.resource), acts, f"{stranger.who.name} never used this vault")
