"""What each method minimises, one file a method."""

from unweave.models.objectives.adam import AdamSettings as AdamSettings
from unweave.models.objectives.base import Objective as Objective
from unweave.models.objectives.critic import RatioCritic as RatioCritic
