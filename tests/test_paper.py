"""Golden numbers of the paper's tables, equations and recovered measurements."""

import polars as pl
import pytest

from srlaw import files, paper
from srlaw.errors import InputError

HR_NDCG_SUMS = (44.134, 24.4395)  # of all 224 points


def test_tables_are_as_printed():
    assert [len(paper.table(n)) for n in (1, 2, 3, 4)] == [9, 10, 12, 6]
    row = paper.table(2).row(by_predicate=(pl.col("dataset") == "ml-1m") & (pl.col("s_max") == 200), named=True)
    assert (row["tokens"], row["tokens_over_apen"], row["hr10_w5"]) == (1058511, 64464738.12, 4.3223)
    assert paper.table(3).filter(pl.col("hr10") == 0.3512)["col2"].to_list() == [603]
    assert paper.table(4)["w3"].sum() == pytest.approx(-2.2196)


def test_only_corrected_tokens_give_the_users_of_movielens():
    def users(frame):
        ml = frame.filter(pl.col("dataset") == "ml-1m")
        return (ml["tokens"] / ml["mean_length"]).to_list()

    for number in (1, 2):
        assert users(paper.table(number, corrected=True)) == pytest.approx([6040] * 3, rel=5e-4)
        assert min(users(paper.table(number))) > 6700


def test_correction_keeps_apen_and_touches_nothing_else():
    printed, right = paper.table(2), paper.table(2, corrected=True)
    apen = printed["tokens"] / printed["tokens_over_apen"]
    assert (right["tokens"] / right["tokens_over_apen"]).to_list() == pytest.approx(apen.to_list(), rel=1e-12)
    assert right.drop("tokens", "tokens_over_apen").equals(printed.drop("tokens", "tokens_over_apen"))
    others = ~pl.col("dataset").is_in(["ml-1m", "kuairand-pure"])
    assert right.filter(others).equals(printed.filter(others))
    assert sorted(right["tokens"]) == sorted(printed["tokens"])


def test_recovered_points():
    grid = paper.grid()
    assert grid.shape == (224, 6)
    assert grid.select(pl.struct("dataset", "s_max").n_unique()).item() == 10
    assert grid.select(pl.col("hr10", "ndcg10").sum().round(4)).row(0) == HR_NDCG_SUMS
    assert (grid["hr10"] > grid["ndcg10"]).all()
    assert len(paper.panels()) == 20
    assert {len(panel.points) for panel in paper.panels()} == {16, 24}


def test_a_panel_is_named_and_found_by_its_key():
    panel = paper.panel("ml-1m", 100, "hr10")
    assert panel.key == ("ml-1m", 100, "hr10")
    assert panel.label == {"dataset": "ml-1m", "s_max": 100, "metric": "hr10"}
    assert list(panel.label) == paper.PANEL
    expected = paper.grid().filter(dataset="ml-1m", s_max=100)
    assert panel.points["y"].to_list() == expected["hr10"].to_list()
    assert {panel.key for panel in paper.panels()} == {
        (*cell, metric) for cell in paper.grid().select("dataset", "s_max").rows() for metric in paper.FIGURE_METRICS
    }
    assert (
        paper.of_panel(paper.table(2), panel)["hr10_d_prime"]
        == paper.table(2).filter(dataset="ml-1m", s_max=100)["hr10_d_prime"].item()
    )
    assert paper.of_panel(paper.figure_fits("performance_law"), panel)["metric"] == "hr10"


@pytest.mark.parametrize(
    "key", [("ml-1m", 25, "hr10"), ("ml-1m", 100, "mrr"), ("nothing", 100, "hr10"), ("ml-1m", [100], "hr10")]
)
def test_a_panel_that_is_not_there_is_one_sentence(key):
    with pytest.raises(
        InputError, match=r"there is no panel .*; the paper has .*ml-1m 100.* each with hr10 and ndcg10$"
    ):
        paper.panel(*key)


def test_points_of_a_panel_have_its_columns():
    with pytest.raises(InputError, match="no column 'd_emb'"):
        paper.Panel("mine", 0, "hr10", pl.DataFrame({"n_layers": [1], "hr10": [0.1]}))


def test_metrics_are_those_of_table_3():
    assert set(paper.METRICS) <= set(paper.table(3).columns)
    assert set(paper.FIGURE_METRICS) == set(paper.METRICS) & set(paper.grid().columns)


@pytest.mark.parametrize(("d_prime", "w5"), [(0.0595, 4.3), (64e6, 0.1), (42.0, -0.5)])
def test_p2_that_cancels_the_data_term(d_prime, w5):
    params = paper.equation(30)[1] | {"p2": paper.cancelling_p2(d_prime, w5), "w5": w5}
    _, absorbed = paper.in_panel(params, d_prime)
    assert absorbed["b"] == pytest.approx(params["b"], abs=1e-9)


def test_table_3_agrees_with_the_recovered_huawei_points():
    """An independent check of the recovery: widths 128 to 1024 at N = 64, s_max 50, to four decimals."""
    points = paper.grid().filter((pl.col("dataset") == "huawei-music") & (pl.col("s_max") == 50))
    points = points.filter(pl.col("n_layers") == 64).select("d_emb", "hr10", "ndcg10")
    table = paper.table(3).filter(pl.col("solution") == "global").select(d_emb="col2", hr10="hr10", ndcg10="ndcg10")
    common = table.join(points, on="d_emb", suffix="_recovered")
    assert sorted(common["d_emb"]) == [128, 256, 512, 1024]
    assert (common["hr10"] == common["hr10_recovered"]).all()
    assert (common["ndcg10"] == common["ndcg10_recovered"]).all()


def test_figure_fits_cover_every_panel_for_both_laws():
    panels = {panel.key for panel in paper.panels()}
    for law in ("performance_law", "scaling_law"):
        fits = paper.figure_fits(law)
        assert set(fits.select("dataset", "s_max", "metric").iter_rows()) == panels
    assert paper.figure_fits().height == 40


def test_equations_evaluate():
    law, params = paper.equation(2)
    assert law.predict(params, {"n_params": 70e9, "tokens": 1.4e12}) == pytest.approx(1.8567, abs=2e-4)
    law, params = paper.equation(30)
    whole = law.predict(params, {"n_layers": 8.0, "d_emb": 64.0, "tokens_over_apen": 35.522})
    panel, absorbed = paper.in_panel(params, 35.522)
    assert panel.predict(absorbed, {"n_layers": 8.0, "d_emb": 64.0}) == pytest.approx(whole, abs=1e-10)
    assert paper.equation(29, "corrected")[1]["p_d"] == paper.equation(29)[1]["p_n"] == 34


def test_srt_runs():
    runs = paper.srt_runs()
    assert runs.height == 119
    assert {"test_eval_loss", "test_ndcg_at_5", "model_total_params", "total_flops"} <= set(runs.columns)


def test_srt_curves_are_of_the_published_runs():
    curves = paper.srt_curves()
    assert set(curves["run"]) <= set(paper.srt_runs()["run"])
    assert len(curves) == 5950


def test_successor_prints_the_same_tokens_and_the_same_rows():
    tokens = paper.successor("3").select("dataset", "s_max", "tokens").join(paper.table(2), on=["dataset", "s_max"])
    same = tokens.filter(pl.col("tokens") == pl.col("tokens_right"))
    assert set(same.filter(dataset="kuairand-pure")["tokens"]) == {447407, 570537, 661028}
    with pytest.raises(InputError, match="tables here are"):
        paper.successor("5")


def test_errors_are_sentences(monkeypatch, tmp_path):
    for call in (lambda: paper.table(5), lambda: paper.equation(7), lambda: paper.equation(30, "corrected")):
        with pytest.raises(InputError):
            call()
    monkeypatch.setattr(files, "__file__", str(tmp_path / "srlaw" / "files.py"))
    with pytest.raises(InputError, match="clone"):
        paper.grid()


def test_data_are_found_from_any_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert paper.grid().height == 224
