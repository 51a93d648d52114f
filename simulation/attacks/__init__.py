"""The attacks: one file each, an explicit list, always played in this order.

All are played and the chosen ones kept, so that leaving one out changes neither the victims nor the times
of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulation.attacks.courses import COURSES, ONCE, whole_course
from simulation.attacks.key_vault import (
    high_operation_volume,
    high_vault_access_volume,
    list_and_query,
    policy_change_and_query,
    tor_access,
    unusual_application,
    unusual_operation_pattern,
    unusual_user,
    unusual_user_application_pair,
)
from simulation.attacks.management import (
    anonymous_ip,
    azurite,
    impossible_travel,
    inactive_account,
    infrequent_country,
    microburst,
    persistence,
    powershell,
)
from simulation.attacks.network import (
    changed_owner,
    malicious_address,
    rdp_incoming,
    rdp_incoming_multiple,
    rdp_outgoing,
    rdp_outgoing_multiple,
    ssh_incoming,
    ssh_incoming_multiple,
    ssh_outgoing,
    ssh_outgoing_multiple,
)
from simulation.attacks.scene import (
    FAINT,
    LOUD,
    MODERATE,
    STRENGTHS,
    Attack,
    CannotPlayError,
    Cast,
    Scene,
    Truth,
)
from simulation.world import World

_PLAYS: tuple[tuple[str, str, Callable[[Scene], Attack]], ...] = tuple(
    (play.TYPE, play.__name__.rsplit(".", 1)[1], play.play)
    for play in (
        unusual_user_application_pair,  # the pickiest about its victim comes first
        rdp_outgoing,
        rdp_outgoing_multiple,
        ssh_outgoing,
        ssh_outgoing_multiple,
        ssh_incoming,
        ssh_incoming_multiple,
        rdp_incoming,
        rdp_incoming_multiple,
        malicious_address,
        changed_owner,
        powershell,
        microburst,
        azurite,
        inactive_account,
        persistence,
        infrequent_country,
        anonymous_ip,
        impossible_travel,
        tor_access,
        policy_change_and_query,
        list_and_query,
        unusual_user,
        unusual_application,
        unusual_operation_pattern,
        high_operation_volume,
        high_vault_access_volume,
    )
)
TYPES: tuple[str, ...] = tuple(sorted({kind for kind, _, _ in _PLAYS}))


def stage(
    world: World, chosen: Sequence[str] | None = None, strength: str = LOUD, course: str = ONCE
) -> tuple[list[Attack], dict[str, str]]:
    """The chosen attacks (None: all), and the reasons why some of them could not be played, by type.

    Raises ValueError for a type, a strength or a course (`courses`) that there is not.
    """
    unknown = sorted(set(chosen or ()) - set(TYPES))
    if unknown:
        raise ValueError(f"no attack is called {', '.join(unknown)}; there are {', '.join(TYPES)}")
    if strength not in STRENGTHS:
        raise ValueError(f"strength is one of {', '.join(STRENGTHS)}, not '{strength}'")
    if course not in COURSES:
        raise ValueError(f"a course is one of {', '.join(COURSES)}, not '{course}'")
    cast, attacks, left_out = Cast(world), list[Attack](), dict[str, str]()
    for kind, name, play in _PLAYS:
        try:
            played = whole_course(kind, name, world, cast, strength, course, play)
        except CannotPlayError as reason:
            left_out[kind] = str(reason)
            continue
        if chosen is None or kind in chosen:
            attacks += played
    kept = {kind: why for kind, why in left_out.items() if chosen is None or kind in chosen}
    return attacks, kept


__all__ = [
    "COURSES",
    "FAINT",
    "LOUD",
    "MODERATE",
    "ONCE",
    "STRENGTHS",
    "TYPES",
    "Attack",
    "CannotPlayError",
    "Truth",
    "stage",
]
