"""Pictures of a run: what each latent does, what is lost, how training went, who knows which factor."""

from unweave.show.views.base import Classes as Classes
from unweave.show.views.base import Picture as Picture
from unweave.show.views.base import Subject as Subject
from unweave.show.views.base import View as View
from unweave.show.views.base import draw as draw
