"""Counts of panels in made worlds: against the fits of the book, and where the truth leaves no doubt."""

import numpy as np
import pytest

from srlaw import paper, stored
from srlaw.chapters import apart
from srlaw.laws import fit, get

PANELS = [paper.panel("ml-1m", 100, metric) for metric in paper.FIGURE_METRICS]


def test_aicc_is_that_of_a_fit():
    y = PANELS[0].points["y"].to_numpy()
    for law in ("performance-shared", "log-quadratic", "log-quadratic-interaction"):
        assert apart.aicc(law, PANELS[0], y[None])[0] == pytest.approx(fit(get(law), PANELS[0].points, "y").aicc)


def test_what_is_counted_is_who_has_the_lower_aicc():
    rng = np.random.default_rng(0)
    n, d = (np.log(PANELS[0].points[c].to_numpy().astype(float)) for c in ("n_layers", "d_emb"))
    crossed = 0.02 * n * d + 0.1 * n - 0.02 * n**2 + rng.normal(0, 1e-4, (3, len(n)))
    plain = 0.1 * n - 0.02 * n**2 + 0.2 * d - 0.02 * d**2 + rng.normal(0, 1e-4, (3, len(n)))
    counts = apart.ahead(PANELS, [crossed, plain])
    assert set(counts) == set(apart.RIVALS)
    assert all(counts["both"] <= counts["log-quadratic"])
    assert all(counts["both"] <= 1)  # in the first panel the law with an interaction is far ahead


def test_the_stored_worlds_are_of_twenty_panels_and_an_own_draw_lies_among_them():
    worlds = stored.made_worlds()
    assert set(worlds["world"]) == set(apart.WORLDS)
    assert (worlds["low"] <= worlds["mean"]).all()
    assert (worlds["mean"] <= worlds["high"]).all()
    assert (worlds["high"] <= 20).all()
    own = apart.made_worlds(3, seed=7, panels=PANELS)
    assert (own["high"] <= 2).all()
    assert own["replicates"].to_list() == [3] * 4


def test_metrics_of_one_run_go_together():
    assert 0.3 < apart.correlation(paper.panels()) < 1
