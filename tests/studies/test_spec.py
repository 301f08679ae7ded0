"""What a study file may say, and the runs it expands to."""

import pytest
import yaml

from unweave.base.errors import InputError
from unweave.studies import spec
from unweave.studies.expansion import expand
from unweave.studies.reading import LARGEST, SCALES, find, names, read

BASE = {
    "axes": {"method": ["vae", "beta-vae"]},
    "settings": {"data": "dsprites", "data.hold": "lazy", "steps": 5},
}


def written(**changes) -> str:
    return yaml.safe_dump({**BASE, **changes}, sort_keys=False)


# ruff: noqa: E501  one case a line


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"axes": {"method": ["vae", "beta-vae", "factr-vae"]}}, r"axes\.method\[2\]: unknown method 'factr-vae'; did you mean 'factor-vae'\?"),
        ({"axes": {"method": []}}, r"axes\.method: must list at least one value"),
        ({"axes": {"method": "vae"}}, r"axes\.method: must be a list"),
        ({"axes": ["vae"]}, r"axes: must be a table of names and values"),
        ({"axes": {"method": ["vae", "vae"]}}, r"axes\.method\[1\]: must differ from the others"),
        ({"axes": {"method": ["vae"], "row": [{"method": "aae"}]}}, r"axes\.row: must leave method to axes\.method"),
        ({"axes": {"seed": [1, 2]}}, r"axes\.seed: must be left out \(seeds lists them\)"),
        ({"axes": {"method": ["vae"], "net": ["konv"]}}, r"axes\.net\[0\]: unknown net 'konv'; did you mean 'conv'\?"),
        ({"axes": {"method": ["vae"], "lr": [{}]}}, r"axes\.lr\[0\]: must name at least one setting"),
        ({"axes": {"steps": [5, 6]}}, r"axes\.method: must name the methods to train"),
        ({"axis": {}}, r"axis: unknown key 'axis'; did you mean 'axes'\?"),
        ({"seeds": "9..0"}, r"seeds: must be .* range such as 0\.\.9"),
        ({"seeds": [0, -1]}, "seeds: must be .* of 0 or more"),
        ({"seeds": [3, 3]}, "seeds: must be different"),
        ({"seeds": []}, r"seeds: must be a list of numbers or a range"),
        ({"seeds": [True]}, r"seeds\[0\]: must be a whole number"),
        ({"settings": {"out": "here"}}, r"settings\.out: must be left out"),
        ({"settings": {"lr": {"a": 1}}}, r"settings\.lr: must be text or .* a list, got"),
        ({"methods": {"vea": {}}}, r"methods\.vea: unknown method 'vea'; did you mean 'vae'\?"),
        ({"methods": {"vae": {"recipe": "none"}}}, r"methods\.vae\.recipe: unknown recipe 'none'"),
        ({"metrics": ["mig", "miq"]}, r"metrics\[1\]: unknown metric 'miq'; did you mean 'mig'\?"),
        ({"metrics": {"miq": {}}}, r"metrics\.miq: unknown metric 'miq'"),
        ({"metrics": ["mig (circles)"]}, r"metrics\[0\]: unknown metric 'mig \(circles\)'"),
        ({"methods": {"vae (planes)": {}}}, r"methods\.vae \(planes\): unknown method"),
        ({"figures": ["travesal"]}, r"figures\[0\]: unknown figure 'travesal'; did you mean 'traversal'\?"),
        ({"budget": {"hours": 2}}, r"budget\.hours: unknown key 'hours'"),
        ({"budget": {"minutes": 0}}, r"budget: minutes must be more than 0"),
        ({"budget": {"runs": 1.5}}, r"budget\.runs: must be a whole number"),
        ({"pool": 1}, r"pool must be 2 or more"),
        ({"published": [{"cell": "vae"}]}, r"published\[0\]\.metric: must be given"),
        ({"published": [{"cell": "vae", "metric": "mig", "source": "x", "mean": "high"}]}, r"published\[0\]\.mean: must be a number"),
        ({"published": [{"cell": "vae", "metric": "mig", "source": "x", "of": 1}]}, r"published\[0\]\.of: unknown key 'of'"),
        ({"published": [{"cell": "vae", "metric": "mig", "source": "x", "mean": float("nan")}]}, r"published\[0\]: mean must be a finite"),
        ({"methods": {"vae": {"lr": [[1]]}}}, r"methods\.vae\.lr\[0\]: must be text or"),
        ({"about": 3}, "about: must be text"),
        ({"extends": "lecture"}, r"extends: unknown study 'lecture'"),
        ({"folder": "../up"}, r"folder: must be letters, digits"),
        ({"name": "a/b"}, r"name: must be letters, digits, dots and dashes"),
        ({"scales": {"tiny": {}}}, r"scales\.tiny: unknown scale 'tiny'"),
        ({"scales": {"smoke": {"sedes": []}}}, r"scales\.smoke\.sedes: unknown key 'sedes'; did you mean 'seeds'\?"),
    ],
)  # fmt: skip
def test_wrong_fields_are_named_by_their_path(changes, sentence):
    with pytest.raises(InputError, match=f"^{sentence}"):
        read(written(**changes), "study")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"axes": {"method": ["vae", "beta-vae"], "beta": [1, 4]}}, r"axes\.beta\[0\]: unknown setting of vae 'beta'"),
        ({"axes": {"method": ["beta-vae"], "beta": [1, -4]}}, r"axes\.beta\[1\]: beta must be 0 or more"),
        ({"axes": {"row": [{"method": "beta-vae", "beta": "much"}]}}, r"axes\.row\[0\]\.beta: beta must be a number"),
        ({"settings": {"data": "dsprites", "batch": 1}}, r"settings\.batch: batch must be 2 or more"),
        ({"methods": {"vae": {"net.hiden": 3}}}, r"methods\.vae\.net\.hiden: unknown setting of"),
        ({"methods": {"vae": {"recipe": "factor-vae-dsprites-laptop"}}}, r"methods\.vae\.recipe: .* is for factor-vae, got method vae"),
        ({"settings": {}}, r"settings: data must"),
        ({"axes": {"method": ["beta-vae"], "beta": [4, 4.0]}}, r"axes\.beta\[1\]: must differ"),
        ({"axes": {"method": ["vae"], "threads": [1, 2]}}, "axes: must make every run once"),
        ({"seeds": "0..99998"}, "axes: must make at most 100,000 runs with all seeds"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_are_named_by_their_path(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        expand(read(written(**changes), "study"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: &x [1]\nb: *x", "must have no aliases"),
        ("seeds: [0]\nseeds: [1]", "seeds: must stand there once"),
        ("a: !!python/object:os.system {}", "is not YAML: could not determine a constructor"),
        ("a: [1", "is not YAML"),
        ("- 1", "study: must be a table"),
        ("", "study: must be a table"),
        ("1: 2", r"study\.1: must be text"),
        ("a: " + "[" * 2000 + "]" * 2000, "cannot be read: RecursionError"),
        ("about: " + "x" * LARGEST, "must have at most 1,000,000 bytes"),
    ],
)
def test_files_that_are_not_plain_yaml_are_refused(text, sentence):
    with pytest.raises(InputError, match=sentence):
        read(text, "study")


def test_settings_of_a_metric_stand_after_its_name_or_below_it():
    listed = read(written(metrics=["mig bins=40 prune=false", "mig (planes) n=200", "dci"]), "s")
    below = {"mig": {"bins": 40, "prune": False}, "mig (planes)": {"n": 200}, "dci": {}}
    assert listed.metrics == below == read(written(metrics=below), "s").metrics
    with pytest.raises(InputError, match=r"metrics\[1\]: settings of mig must be written name=value"):
        read(written(metrics=["dci", "mig 40"]), "s")


def test_expansion_takes_recipe_then_shared_then_own_settings_then_axes():
    study = read(
        written(
            axes={"method": ["vae", "factor-vae"], "batch": [8, 16]},
            methods={"factor-vae": {"recipe": "factor-vae-dsprites-laptop", "lr": 0.5}},
            seeds="3..4",
        ),
        "study",
    )
    trials = expand(study)
    assert [(t.cell, t.seed) for t in trials[:5]] == [
        ("vae, batch 8", 3), ("vae, batch 16", 3), ("factor-vae, batch 8", 3), ("factor-vae, batch 16", 3),
        ("vae, batch 8", 4),
    ]  # fmt: skip
    factor = trials[3].spec
    assert (factor.training.batch, factor.training.lr, factor.training.steps, factor.training.seed) == (16, 0.5, 5, 3)
    assert factor.net.name == "broadcast"  # the recipe's
    assert factor.recipe == "factor-vae-dsprites-laptop"
    assert trials[0].spec.recipe is None
    assert trials[3].choices == {"method": "factor-vae", "batch": "batch 16"}


def test_names_are_those_of_the_runs_own_hash_so_that_adding_never_repeats_one():
    few = expand(read(written(), "study"))
    more = expand(read(written(axes={"method": ["vae", "beta-vae", "aae"], "lr": [None, 0.1]}, seeds=[5, 0]), "study"))
    assert {t.name for t in few} < {t.name for t in more}
    assert all(t.name == f"{t.spec.method.name}-dsprites-{t.spec.hash}" for t in more)


def test_eight_digits_that_meet_get_more(monkeypatch):
    from unweave.engine import Spec

    monkeypatch.setattr(Spec, "hash", property(lambda self: "00000000"))
    names = [trial.name for trial in expand(read(written(), "study"))]
    assert len(set(names)) == 2
    assert all(name.startswith(("vae-dsprites-00000000", "beta-vae-dsprites-00000000")) for name in names)
    same = [trial.name for trial in expand(read(written(axes={"method": ["vae"], "lr": [0.1, 0.2]}), "study"))]
    assert len(set(same)) == 2


def test_scales_are_laid_over_the_rest_and_null_takes_away():
    text = written(
        metrics={"mig": {"n": 10}, "sap": {}},
        scales={"smoke": {"seeds": [7], "metrics": {"sap": None}, "settings": {"steps": 2}}, "paper": {}},
    )
    smoke, paper = read(text, "study"), read(text, "study", scale="paper")
    assert (smoke.name, smoke.seeds, list(smoke.metrics)) == ("study-smoke", (7,), ["mig"])
    assert smoke.settings == {"data": "dsprites", "data.hold": "lazy", "steps": 2}
    assert (paper.name, paper.seeds, list(paper.metrics)) == ("study-paper", (0,), ["mig", "sap"])
    with pytest.raises(InputError, match="unknown scale 'laptop'"):
        read(text, "study", scale="laptop")
    with pytest.raises(InputError, match="scale must be left out, since the study has none"):
        read(written(), "study", scale="smoke")


def test_a_study_is_found_by_file_by_folder_and_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.yaml"
    file.write_text(written(scales={"smoke": {}, "laptop": {"seeds": [4]}}))
    study = find(file, scale="laptop")
    assert study.folder == spec.HOME / "mine-laptop"
    study.keep()
    again = find(study.folder)
    assert (again.seeds, again.name, again.folder) == ((4,), "mine-laptop", study.folder)
    assert find("mine-laptop").seeds == (4,)  # in studies/
    with pytest.raises(InputError, match=r"got nowhere\.yaml, which does not exist"):
        find("nowhere.yaml")
    with pytest.raises(InputError, match="unknown study 'lecture-dsprite'; did you mean 'lecture-dsprites'"):
        find("lecture-dsprite")


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", names())
def test_every_shipped_study_expands_at_every_scale(name, scale):
    study = find(name, scale=scale)
    assert study.about
    assert study.differs or scale == "paper"
    if study.computes is None:
        trials = expand(study)
        cells, metrics = {trial.cell for trial in trials}, {*study.metrics, "distortion"}
        for published in study.published:
            assert published.metric in metrics
            assert published.cell in {*cells, "chance"}


def test_the_accuracy_table_shares_the_runs_of_the_score_table():
    score, accuracy = (find(name, scale="laptop") for name in ("lecture-dsprites", "lecture-accuracy"))
    assert score.folder == accuracy.folder
    assert {t.name for t in expand(accuracy)} < {t.name for t in expand(score)}
    assert score.path("study.yaml") != accuracy.path("study.yaml")
