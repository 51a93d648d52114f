"""What is normal: online models of one entity's behaviour, made as River models."""

from baselines.base import Model
from baselines.idle import Idle
from baselines.mix import Mix
from baselines.novelty import Novelty
from baselines.seasonal_count import SeasonalCount
from baselines.visit_count import VisitCount
from baselines.whereabouts import Whereabouts

__all__ = ["Idle", "Mix", "Model", "Novelty", "SeasonalCount", "VisitCount", "Whereabouts"]
