"""When an attack is played: once, while all is learned and again after, growing, several days on end, amid change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from simulation.attacks.scene import Attack, CannotPlayError, Cast, Scene, on_day, set_scene
from simulation.randomness import stream
from simulation.world import World

ONCE, LEARNING, RAMP, REPEATED, CHANGE = "once", "learning", "ramp", "repeated", "change"
COURSES = (ONCE, LEARNING, RAMP, REPEATED, CHANGE)

LEARNED_ON = (2, 3, 4)  # days of the run on which who attacks while all is learned does so
RAMP_DAYS = 14  # that an attack grows, the last of them at full strength
REPEAT_DAYS = 4
ONLY_ONCE = ("changed_owner", "inactive_account")  # an address's owner is settled; who acted is not silent


def whole_course(
    kind: str,
    name: str,
    world: World,
    cast: Cast,
    strength: str,
    course: str,
    play: Callable[[Scene], Attack],
) -> list[Attack]:
    """One attack in all its parts, by the same attacker on the same victims, with the part in each truth.

    None of `ONLY_ONCE` but in the course of that name. Raises CannotPlayError.
    """
    if course != ONCE and name in ONLY_ONCE:
        return []
    days = list(_days(set_scene(kind, name, world, cast, strength), course))
    attacks = []
    for day, part, grown in days:
        cast.begin(name, [other for other, _, _ in days if other != day])
        attack = play(on_day(set_scene(kind, name, world, cast, strength), day, grown))
        attack.truth = replace(attack.truth, part=part)
        attacks.append(attack)
    return attacks


def _days(scene: Scene, course: str) -> Iterator[tuple[int, str, float | None]]:
    """Days with the name of the part, and how far the attack has grown."""
    last = scene.day
    if course == LEARNING:
        if last <= max(LEARNED_ON):
            raise CannotPlayError("the run ends before anything is learned")
        yield from ((day, "learning", None) for day in LEARNED_ON)
        yield last, "after learning", None
    elif course == RAMP:
        if last < RAMP_DAYS:
            raise CannotPlayError(f"the attack grows for {RAMP_DAYS} days: the run is too short")
        for step in range(RAMP_DAYS):
            part = "ramp" if step < RAMP_DAYS - 1 else "ramp's end"
            yield last - RAMP_DAYS + 1 + step, part, step / (RAMP_DAYS - 1)
    elif course == REPEATED:
        if last < REPEAT_DAYS:
            raise CannotPlayError(f"the attack comes on {REPEAT_DAYS} days: the run is too short")
        yield last - REPEAT_DAYS + 1, "first day", None
        yield from ((last - REPEAT_DAYS + 1 + n, "later days", None) for n in range(1, REPEAT_DAYS))
    elif course == CHANGE:
        yield _amid(scene)
    else:
        yield last, "", None


def _amid(scene: Scene) -> tuple[int, str, None]:
    """A day on which a change begins, or the next one."""
    if not scene.world.changes:
        raise CannotPlayError("nothing changes in the organisation")
    rng = stream(scene.world.seed, "amid", scene.type)
    name, first = rng.choice(scene.world.changes)
    return min(first + rng.randrange(2), scene.world.days - 1), f"amid {name}", None
