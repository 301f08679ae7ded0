"""What each method minimises, one file a method."""

from unweave.objectives.base import AdamSettings as AdamSettings
from unweave.objectives.base import Objective as Objective
from unweave.objectives.critic import RatioCritic as RatioCritic
