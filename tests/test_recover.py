"""What matplotlib draws here from known numbers is recovered, and so is what the paper's figures hold."""

import runpy
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from srlaw import paper, recover
from srlaw.errors import InputError

FOLDER = Path(__file__).parents[2] / "shared/paper"
KEYS = ["dataset", "s_max", "n_layers", "d_emb"]
X, Y = (values.ravel() for values in np.meshgrid([4, 8, 12, 16, 24, 32], [25, 50, 75, 100]))
Z = np.random.default_rng(1).uniform(0.1, 0.4, X.size)
VIEWS = {
    "as matplotlib has it": ({}, {}),
    "low, from behind and tilted": ({"elev": 8, "azim": 141, "roll": 4}, {"zlim": (0, 0.6)}),
    "from below, without perspective, an axis backwards": (
        {"elev": -25, "azim": 17},
        {"ylim": (120, 10), "proj_type": "ortho"},
    ),
}


def figure_of(size):
    from matplotlib.figure import Figure  # half a second for every process that collects these tests

    return Figure(figsize=size)


def draw(path, views, x=X, y=Y, z=Z):
    """3-D scatters of the same points beside each other, saved as PDF; the first with a surface, as in the paper."""
    figure = figure_of((5 * len(views), 5))
    for i, (name, (view, limits)) in enumerate(views.items(), 1):
        axes = figure.add_subplot(1, len(views), i, projection="3d")
        if not limits:
            axes.plot_surface(x.reshape(4, 6), y.reshape(4, 6), z.reshape(4, 6), alpha=0.7)
        axes.scatter(x, y, z, c="red")
        axes.view_init(**view)
        axes.set(title=name, xlabel="N", **limits)
    figure.savefig(path)
    return path


def test_what_matplotlib_drew_is_recovered_from_any_side(tmp_path):
    """Every x and y, and every z within four of the errors that are stated for it: a 10⁸th of the height of the box."""
    found = recover.points(draw(tmp_path / "views.pdf", VIEWS))
    assert len(found) == len(VIEWS) * X.size
    drawn = pl.DataFrame({"x": X, "y": Y, "drawn": Z})
    off = []
    for (panel, text), rows in found.group_by("panel", "text", maintain_order=True):
        assert list(VIEWS)[panel - 1] in text
        both = rows.join(drawn, on=["x", "y"], validate="1:1")
        assert len(both) == X.size
        off.append((both["z"] - both["drawn"]) / both["error"])
    assert found["error"].max() < 1e-8
    assert abs(np.concatenate(off)).max() < 4
    assert 0.3 < np.std(off) < 2  # and the errors are not stated larger than they are
    assert found["rms"].max() < 5e-7  # what the sixth decimal hides
    assert (found["next"] > 50 * found["miss"].max()).all()


def one_view(axes):
    axes.scatter(X, Y, Z)


def halves(axes):
    axes.scatter(X + 0.5, Y, Z)


def below_zero(axes):
    axes.scatter(X, Y, Z - 0.25)


def scaled(axes):
    axes.scatter(X, Y, Z * 1e-6)


def false_labels(axes):
    axes.scatter(X, Y, Z)
    axes.set_zticks([0.1, 0.2, 0.3], ["0.1", "0.2", "0.4"])


@pytest.mark.parametrize(
    ("drawing", "projection", "reason"),
    [
        (one_view, None, "has no 3-D scatter"),
        (lambda axes: None, "3d", "has no 3-D scatter"),
        (halves, "3d", "a marker in panel 1 of f.pdf is not over one pair of whole numbers"),
        (below_zero, "3d", "no plain positive number at each grid line"),
        (scaled, "3d", "no plain positive number at each grid line"),
        (false_labels, "3d", "not even, or no camera"),
    ],
)
def test_what_is_not_understood_to_the_last_digit_is_refused(tmp_path, drawing, projection, reason):
    figure = figure_of((4, 4))
    drawing(figure.add_subplot(projection=projection))
    figure.savefig(tmp_path / "f.pdf")
    with pytest.raises(InputError, match=reason):
        recover.points(tmp_path / "f.pdf")


def test_the_command_refuses_a_file_that_is_no_pdf(tmp_path, monkeypatch):
    (tmp_path / "PerformanceLaw_HR.pdf").write_text("no PDF")
    monkeypatch.setattr("sys.argv", ["recover", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(recover.__file__, run_name="__main__")
    assert str(stopped.value) == "PerformanceLaw_HR.pdf cannot be read as a PDF; give one that matplotlib drew"


def test_the_grid_is_what_four_figures_hold():
    """Stored from `python -m srlaw.recover`: each figure has all the points of its metric, and no other value."""
    every, grid = paper.recovery(), paper.grid()
    assert every["figure"].unique(maintain_order=True).to_list() == sorted(recover.FIGURES)
    for (figure,), rows in every.group_by("figure"):
        assert rows.select(KEYS).equals(grid.select(KEYS))
        off = (rows["z"] - grid[recover.FIGURES[figure]]).abs()
        assert off.max() < 1e-9  # far below half of the fourth decimal
        assert (off < 4 * rows["error"]).all()
    assert every["rms"].max() < 5e-7
    assert every["next"].min() > 100 * every["miss"].max()


@pytest.mark.skipif(not FOLDER.is_dir(), reason="needs the figures of the authors' repository in ../shared/paper")
def test_the_authors_figure_gives_what_is_stored():
    """Its values, and the R² that its panels print: so the panels are of the data sets and s_max that we say."""
    found = recover.points(FOLDER / "PerformanceLaw_HR.pdf").sort("panel", "y", "x")
    kept = paper.recovery().filter(figure="PerformanceLaw_HR")
    assert found.select("x", "y").rows() == kept.select("n_layers", "d_emb").rows()
    assert (found["z"] - kept["z"]).abs().max() < 1e-11
    fits = paper.figure_fits("performance_law").filter(metric="hr10")
    printed = kept.select("dataset", "s_max").join(fits, on=["dataset", "s_max"], how="left", maintain_order="left")
    for text, (s_max, r2) in zip(found["text"], printed.select("s_max", "r2").rows(), strict=True):
        assert f"Length = {s_max} R²={r2:.6f}" in text
