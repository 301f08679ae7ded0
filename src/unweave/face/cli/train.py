"""Train a method on a data set into a run folder."""

from __future__ import annotations

from typing import Annotated, Any

from unweave.base import checks, registry
from unweave.base.registry import PARTS, load_file
from unweave.data.own.locate import located
from unweave.face.cli.options import Options, options_of, value_of, word
from unweave.run.recipes import load, names


def options(tokens: list[str]) -> Options:
    """The settings of training and of the method, data set, net, prior and likelihood that `tokens` name."""
    if plugin := value_of("--plugin", tokens):
        load_file(plugin)
    method, recipe = word(tokens, 1), value_of("--recipe", tokens)
    given = load(recipe).settings if recipe else {}
    named = {part: value_of(f"--{part}", tokens) or given.get(part) for part in PARTS}
    if named["data"]:
        named["data"] = located(named["data"])["name"]
    for table, name in [(registry.methods, method), *((PARTS[part], name) for part, name in named.items())]:
        if name is not None:
            checks.known(table.kind, name, table.names())  # before anything heavy is imported
    from unweave.engine.help import Help
    from unweave.engine.spec import PRIOR, Training

    found = options_of(registry.methods.get(method), f"Settings of {method}") if method else {}
    found |= options_of(Training, "Training") | options_of(Help, "Help: pairs, what is left out, another run's weights")
    suits = registry.datasets.get(named["data"]) if named["data"] else None
    defaults = {"data": None, "net": suits and suits.net, "prior": PRIOR, "likelihood": suits and suits.likelihood}
    for part, default in defaults.items():
        name = named[part] or default
        # the user's own data decide by what is in them, so that any net and likelihood may come of it
        for each in PARTS[part].names() if isinstance(name, property) else [name] if name else []:
            found |= options_of(PARTS[part].get(each), f"Settings of {each}", f"{part}.")
    return found


def train(
    method: Annotated[str, "method to train", registry.methods],
    /,
    *,
    data: Annotated[str | None, f"a data set ({', '.join(registry.datasets.names())}), folder:DIR or a file"] = None,
    net: Annotated[str | None, "encoder and decoder [the data set's default]", registry.nets] = None,
    prior: Annotated[str | None, "prior [isotropic]", registry.priors] = None,
    likelihood: Annotated[str | None, "likelihood [the data set's default]", registry.likelihoods] = None,
    recipe: Annotated[str | None, f"named settings to start from: {', '.join(names())}"] = None,
    out: Annotated[str | None, "folder of the run [runs/METHOD-DATA-HASH]"] = None,
    resume: Annotated[bool, "resume the run in --out, with its settings"] = False,
    overwrite: Annotated[bool, "replace the run in --out"] = False,
    plugin: Annotated[str | None, "a Python file that registers more methods, nets or data sets"] = None,
    **settings: Any,
) -> None:
    """Train, with those settings that were given."""
    from unweave.run.launch import train as run_training

    parts = {"data": data, "net": net, "prior": prior, "likelihood": likelihood}
    settings |= {part: name for part, name in parts.items() if name is not None}
    run = run_training(method, recipe=recipe, out=out, resume=resume, overwrite=overwrite, **settings)
    at = run.path
    shown = "draw columns" if run.data.image_shape[:2] == (1, 1) else "traverse"
    print(f"{run.title}: done in {at}; next: unweave evaluate {at}, unweave {shown} {at}, unweave report {at}")
