"""`unweave cite`: BibTeX for a name, for a run, for unweave alone; a wrong name is one line."""

from unweave.face.cli.app import main


def test_a_run_is_cited_with_its_method_data_and_scores(finished, capsys):
    assert main(["evaluate", str(finished), "--metrics", "mig", "--no-calibrate"]) == 0
    capsys.readouterr()
    assert main(["cite", str(finished)]) == 0
    shown = capsys.readouterr().out
    for key in ("software{unweave", "kingma2014", "matthey2017", "chen2018"):
        assert shown.count(f"{key},") == 1
    assert "% vae (method)\n" in shown
    assert "% nothing else to cite: conv (net), isotropic (prior), bernoulli (likelihood)" in shown


def test_a_name_and_unweave_alone(capsys):
    assert main(["cite", "udr"]) == 0
    assert "@inproceedings{duan2020," in capsys.readouterr().out
    assert main(["cite"]) == 0
    assert capsys.readouterr().out.startswith("@software{unweave,")


def test_what_is_neither_a_run_nor_a_name_is_one_line(tmp_path, refused):
    for wrong in (tmp_path, tmp_path / "nowhere"):
        refused(f"cite {wrong}", "must be a name that `unweave list` shows or a run's folder")
    refused("cite udrr", "unknown name 'udrr'; did you mean 'udr'")
