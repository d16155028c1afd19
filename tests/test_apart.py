"""Counts of panels in made worlds: against the fits of the book, and where the truth leaves no doubt."""

import numpy as np
import polars as pl
import pytest

from srlaw import paper, stored
from srlaw.chapters import apart
from srlaw.laws import fit, get
from srlaw.paper import Panel

PANELS = [paper.panel("ml-1m", 100, metric) for metric in paper.FIGURE_METRICS]


def test_aicc_is_that_of_a_fit():
    y = PANELS[0].points["y"].to_numpy()
    for law in ("performance-shared", "log-quadratic", "log-quadratic-interaction"):
        assert apart.aicc(law, PANELS[0], y[None])[0] == pytest.approx(fit(get(law), PANELS[0].points, "y").aicc)


def planted(gap, crossing, seed):
    """A sum of powers of depth and width, which Eq. (7) can follow, and a product of their logarithms."""
    n, d = (PANELS[0].points[c].to_numpy().astype(float) for c in ("n_layers", "d_emb"))
    noise = np.random.default_rng(seed).normal(0, 1e-4, len(n))
    return 0.01 * np.log(n) - gap / n**2 + 0.01 * np.log(d) + crossing * np.log(n) * np.log(d) + noise


def test_what_is_counted_is_who_has_the_lower_aicc():
    steep = {"gap": 8, "crossing": 0}  # only Eq. (7) bends so much
    both = {"gap": 2, "crossing": 0.02}  # Eq. (7) is ahead of the log-quadratic, that with an interaction of Eq. (7)
    crossed = {"gap": 0.3, "crossing": 0.02}  # both rivals are ahead of Eq. (7)
    first = np.stack([planted(**shape, seed=i) for i, shape in enumerate((steep, steep, both))])
    second = np.stack([planted(**shape, seed=9 + i) for i, shape in enumerate((steep, both, crossed))])
    counts = apart.ahead(PANELS, [first, second])
    assert {name: found.tolist() for name, found in counts.items()} == {"log-quadratic": [2, 2, 1], "both": [2, 1, 0]}


def test_the_stored_worlds_are_of_twenty_panels():
    worlds = stored.made_worlds()
    assert set(worlds["world"]) == set(apart.WORLDS)
    assert (worlds["low"] <= worlds["mean"]).all()
    assert (worlds["mean"] <= worlds["high"]).all()
    assert (worlds["high"] <= 20).all()


def test_a_law_is_ahead_in_its_own_world_where_the_truth_leaves_no_doubt():
    steep = [planted(8, 0, seed) for seed in (0, 1)]  # the best log-quadratic is far off, so σ is large in its world
    made = [Panel(*p.key, p.points.with_columns(pl.Series(p.metric, y))) for p, y in zip(PANELS, steep, strict=True)]
    own = apart.made_worlds(3, seed=7, panels=made)
    assert own["replicates"].to_list() == [3] * 4
    assert own.filter(world="performance-shared").select("mean", "low", "high").rows() == [(2, 2, 2)] * 2
    assert (own.filter(world="log-quadratic")["mean"] < 1).all()


def test_metrics_of_one_run_go_together():
    assert 0.3 < apart.correlation(paper.panels()) < 1
