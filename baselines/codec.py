"""Models to plain values and back, from an allow-list: nothing in a saved state can be executed."""

from __future__ import annotations

from typing import Any

from baselines.base import Model
from baselines.idle import Idle
from baselines.mix import Mix
from baselines.novelty import Novelty
from baselines.seasonal_count import SeasonalCount
from baselines.visit_count import VisitCount
from baselines.whereabouts import Whereabouts

ALLOWED: dict[str, type[Model]] = {
    model.__name__: model for model in (Idle, Mix, Novelty, SeasonalCount, VisitCount, Whereabouts)
}


def pack(model: Model) -> list[Any]:
    """Name, version and state of a model. Raises ValueError for one that could not be read again."""
    name = type(model).__name__
    if ALLOWED.get(name) is not type(model):
        raise ValueError(f"{name} is no baseline that may be saved")
    return [name, model.VERSION, model.state()]


def unpack(value: Any) -> Model:
    """The model again. Raises ValueError, with a reason, for anything that is not one."""
    try:
        name, version, state = value
        model = ALLOWED[name]
    except (TypeError, ValueError, KeyError):
        raise ValueError(f"not a saved baseline: {str(value)[:80]}") from None
    try:
        return model.restore(state, version)
    except (TypeError, IndexError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(f"the saved {name} is damaged ({error})") from None
