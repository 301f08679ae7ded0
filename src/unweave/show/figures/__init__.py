"""Figures of a run: what each latent does, what is lost, how training went, who knows which factor."""

from unweave.base import style as style
from unweave.show.figures.base import Classes as Classes
from unweave.show.figures.base import Figure as Figure
from unweave.show.figures.base import Picture as Picture
from unweave.show.figures.base import Subject as Subject
from unweave.show.figures.base import View as View
from unweave.show.figures.base import draw as draw
