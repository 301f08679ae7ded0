"""Pictures of a run: what each latent does, what is lost, how training went, who knows which factor."""

from unweave.views.base import Classes as Classes
from unweave.views.base import Picture as Picture
from unweave.views.base import Subject as Subject
from unweave.views.base import View as View
from unweave.views.base import draw as draw
