"""Who is known at which vault: so that an attack is odd in one respect and ordinary in the others."""

from __future__ import annotations

from collections.abc import Callable

from simulation.acts import Client, Vaulted
from simulation.attacks.scene import Scene
from simulation.estate import Vault
from simulation.people import Person
from simulation.randomness import ranked
from simulation.services import Service


def regular(vault: Vault, person: Person) -> bool:
    """Whether the person is often at the vault: it is their first one, and they are no office worker."""
    return person.role != "office" and person.vaults[:1] == (vault,)


def a_regular(scene: Scene, fits: Callable[[Person, Vault], bool], what: str) -> tuple[Person, Vault]:
    """A person, and the vault where they are known best."""
    person = scene.cast.person(
        scene.day,
        lambda p: bool(p.vaults) and regular(p.vaults[0], p) and fits(p, p.vaults[0]),
        what,
        beside=lambda p: p.vaults[0],
    )
    return person, person.vaults[0]


def a_reader(scene: Scene, fits: Callable[[Vault], bool], what: str) -> tuple[Service, Vault, float]:
    """An application, a vault that it reads all day, and its calls in a mean hour."""
    readers = {
        vault.resource: (service, rate)
        for service in scene.world.services
        if service.kind == "web"
        for vault, rate in zip(service.vaults, service.rates, strict=True)
    }
    vault = scene.cast.vault(lambda v: v.resource in readers and fits(v), what)
    return readers[vault.resource][0], vault, readers[vault.resource][1]


def usual_client(person: Person) -> Client:
    """The client that the person uses most."""
    return max(person.clients, key=lambda each: each[1])[0]


def reads(
    scene: Scene, person: Person, client: Client, address: str, vault: Vault, count: int, at_us: int
) -> list[Vaulted]:
    """Some secrets read, the often used ones more often."""
    made = []
    for _ in range(count):
        item = f"secrets/{ranked(scene.rng, vault.secrets, 0.8)}"
        made.append(scene.call(at_us, person.who, client, address, "SecretGet", vault, item))
        at_us += scene.pause(40)
    return made
