"""Loss against size in this project's own runs, Eq. (1) and its rivals, and loss against ranking."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from srlaw.errors import InputError
from srlaw.files import repository
from srlaw.laws import Fit, Kaplan, Law, fit, get
from srlaw.laws.linear import ols
from srlaw.runs import curves_beside, finished_rows, read_runs

OWN = Path("data/sweeps/loss-scaling.csv")
LOSSES = {
    "final_loss": "training loss of the last epoch",
    "least_valid_loss": "least validation loss",
    "loss": "test loss of the chosen epoch",
}
"""Three readings of "loss": columns and what tables call them."""
SHORT = {"final_loss": "training loss", "least_valid_loss": "validation loss", "loss": "test loss"}
"""The same where there is little room: heads of columns, legends."""
METRICS = {"hr10": "HR@10", "ndcg10": "NDCG@10"}
SIZES = {"params_total": "all parameters", "params_non_embedding": "parameters without embeddings"}
SHARES = (0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
"""Shares of the cells, the largest, that a law does not see: a split each."""
UNBOUNDED = ("at-bound", "degenerate-limit")
"""Statuses of a fit that ends at a bound of the search, or in a limit of the form."""
LEAST = 3  # depths, and widths, that the forms take
CLEAR = 2  # standard errors of a difference of two runs


class OneDataSize(Kaplan):
    """Eq. (1) where D is one number: loss = s [e^{−a u_N + ln ρ} + 1]^α_D, u_N centred; four parameters."""

    name = "eq-1-one-data-size"
    arguments = ("n_params",)
    parameters = ("scale", "a", "ln_rho", "alpha_d")

    @property
    def bounds(self) -> dict[str, tuple[float, float]]:
        box = {name: (float(axis[0]), float(axis[-1])) for name, axis in zip(self.search, self.grid, strict=True)}
        return {"scale": (-np.inf, np.inf), **box}

    def basis(self, theta, u, centre):
        return super().basis(theta, {**u, "tokens": np.zeros_like(u["n_params"])}, centre)

    def named(self, theta, coef, centre):
        a, ln_rho, power = theta.T
        return {"scale": coef[:, 0], "a": a, "ln_rho": ln_rho + a * centre["n_params"], "alpha_d": power}

    def predict(self, params, x):
        size = params["ln_rho"] - params["a"] * np.log(x["n_params"])
        return params["scale"] * np.exp(params["alpha_d"] * np.logaddexp(size, 0.0))

    def jacobian(self, params, x):
        return Law.jacobian(self, params, x)


FORMS: dict[str, tuple[Law, dict[str, str]]] = {
    "Eq. (1) in all parameters": (OneDataSize(), {"n_params": "params_total"}),
    "Eq. (1) in parameters without embeddings": (OneDataSize(), {"n_params": "params_non_embedding"}),
    "power law in depth and width": (get("power"), {}),
    "plane in logarithms of depth and width": (get("log-linear"), {}),
    "quadratic in logarithms": (get("log-quadratic"), {}),
    "quadratic in logarithms with the product": (get("log-quadratic-interaction"), {}),
}
EQ_1 = tuple(FORMS)[:2]
POWER, PLANE, QUADRATIC = tuple(FORMS)[2:5]


def rows(table: str | Path | None = None, **only: Any) -> pl.DataFrame:
    """Finished runs, one a row, with ``final_loss``, the training loss of the last epoch, where the curves are there.

    Args:
        table: a ``rows.csv`` of ``srlaw sweep`` or a CSV with ``n_layers, d_emb, loss``, a metric and what else of
            `LOSSES` and `SIZES` there is; None for this project's own. only: values that columns must have.

    Raises:
        InputError: for a table that cannot be used.
    """
    path = repository() / OWN if table is None else Path(table)
    frame = pl.DataFrame(finished_rows(path, ["key"])[0], infer_schema_length=None)
    for name in ("n_layers", "d_emb", "loss"):
        if name not in frame.columns:
            raise InputError(f"{path} has no column {name!r}; it needs one row a run with n_layers, d_emb and loss")
    for name, value in only.items():
        frame = frame.filter(pl.col(name) == value) if name in frame.columns else frame
    if not frame.height:
        raise InputError(f"{path} has no finished run with {', '.join(f'{k} = {v}' for k, v in only.items())}")
    beside = curves_beside(path)
    if "key" in frame.columns and beside.exists():
        last = pl.col("epoch") == pl.col("epoch").max().over("key")
        ends = curves(path).filter(last).select("key", final_loss="loss")
        frame = frame.join(ends, on="key", how="left")
        if frame["final_loss"].null_count():
            frame = frame.drop("final_loss")
    return frame


def curves(table: str | Path | None = None) -> pl.DataFrame:
    """The learning curves beside a table of rows, a line an epoch, with ``n_layers, d_emb, seed`` of their run."""
    path = repository() / OWN if table is None else Path(table)
    points = pl.read_csv(curves_beside(path), schema_overrides={"key": pl.String}, infer_schema_length=None)
    runs = pl.DataFrame(finished_rows(path, ["key"])[0], infer_schema_length=None)
    return points.join(runs.select("key", "n_layers", "d_emb", "seed"), on="key", how="inner")


def losses_of(frame: pl.DataFrame) -> dict[str, str]:
    """Those of `LOSSES` that a table has."""
    return {name: title for name, title in LOSSES.items() if name in frame.columns}


def cells(frame: pl.DataFrame) -> pl.DataFrame:
    """Means over seeds: ``n_layers, d_emb``, sizes, losses and metrics, ``runs``; smallest first.

    Raises:
        InputError: with fewer than `LEAST` depths or widths.
    """
    depths, widths = (frame[name].n_unique() for name in ("n_layers", "d_emb"))
    if min(depths, widths) < LEAST:
        raise InputError(
            f"the table has runs of {depths} depths and {widths} widths; this takes {LEAST} of each, so train more"
        )
    there = [name for name in (*SIZES, *LOSSES, *METRICS) if name in frame.columns]
    runs = read_runs(frame, x=["n_layers", "d_emb"], y=there)
    order = ["params_total"] if "params_total" in there else []
    return runs.frame.drop([f"{name}_se" for name in there]).sort(*order, "n_layers", "d_emb")


def noise(frame: pl.DataFrame) -> pl.DataFrame:
    """Standard deviation between seeds, pooled over the cells that were trained more than once.

    Returns:
        ``name, sigma`` and ``dof``, its degrees of freedom; no row where nothing was repeated.
    """
    out = []
    for name in (*losses_of(frame), *(metric for metric in METRICS if metric in frame.columns)):
        spread = frame.group_by("n_layers", "d_emb").agg(n=pl.len(), v=pl.col(name).var()).filter(pl.col("n") > 1)
        if dof := int((spread["n"] - 1).sum() or 0):
            squares = float((spread["v"] * (spread["n"] - 1)).sum())
            out.append((name, (squares / dof) ** 0.5, dof))
    return pl.DataFrame(out, {"name": pl.String, "sigma": pl.Float64, "dof": pl.Int64}, orient="row")


def _fit(form: str, points: pl.DataFrame, y: str) -> Fit:
    law, x = FORMS[form]
    return fit(law, points, y, x=x)


def forms_of(points: pl.DataFrame) -> list[str]:
    """Those of `FORMS` whose arguments a table has and whose parameters it has cells for."""
    return [
        form for form, (law, x) in FORMS.items()
        if set(x.values()) <= set(points.columns) and points.height > len(law.parameters)
    ]  # fmt: skip


def fits(frame: pl.DataFrame) -> pl.DataFrame:
    """Every form fitted to every loss, over the cells.

    Returns:
        ``loss, form, coefficients, r2, aicc, residual`` (standard deviation, degrees of freedom counted, nats),
        ``sigma`` (`noise`), ``times`` (residual over noise), ``p`` (of the F test that the residual is that noise;
        null without repeats; a cell of several runs has less noise, so the test is kind to the form), ``status``.
    """
    points = cells(frame)
    sigma = {name: (of_one, dof) for name, of_one, dof in noise(frame).iter_rows()}
    out = []
    for loss in losses_of(points):
        for form in forms_of(points):
            found = _fit(form, points, loss)
            known = sigma.get(loss)
            test = (residual(found), known and known[0], *missed(found, known))
            out.append((loss, form, found.free, found.r2, found.aicc, *test, found.status))
    names = ["loss", "form", "coefficients", "r2", "aicc", "residual", "sigma", "times", "p", "status"]
    return pl.DataFrame(out, names, orient="row", infer_schema_length=None)


def residual(found: Fit) -> float:
    """Standard deviation of the residuals of a fit, its degrees of freedom counted."""
    return (found.objective / (found.n - found.free)) ** 0.5


def missed(found: Fit, noise: tuple[float, int] | None) -> tuple[float | None, float | None]:
    """`residual` over the noise (σ of a run and its degrees of freedom), and p of the F test that it is no more."""
    if noise is None:
        return None, None
    sigma, dof = noise
    times = residual(found) / sigma
    return times, float(stats.f.sf(times**2, found.n - found.free, dof))


def held_out(frame: pl.DataFrame) -> pl.DataFrame:
    """Each form fitted to the smaller cells, by all parameters (else N·d²), and tested on the larger ones.

    Returns:
        ``loss, form, tested`` (how many cells: a split for each of `SHARES`, equal ones once) and ``rmse`` in nats; the
        form `NEAREST` predicts the loss of the nearest cell that was seen. A form with as many parameters as cells is
        left out of that split, and so is one of depth and width where fewer than `LEAST` of either are seen.
    """
    points = cells(frame)
    if "params_total" not in points.columns:
        points = points.sort(pl.col("n_layers") * pl.col("d_emb") ** 2)
    numbers = sorted({max(1, round(share * points.height)) for share in SHARES})
    out = [row for tested in numbers for row in _split(points[:-tested], points[-tested:])]
    return pl.DataFrame(out, ["loss", "form", "tested", "rmse"], orient="row")


def _split(small: pl.DataFrame, large: pl.DataFrame) -> list[tuple[str, str, int, float]]:
    """The rows of `held_out` for one split."""
    few = min(small[name].n_unique() for name in ("n_layers", "d_emb")) < LEAST
    out = []
    for loss in losses_of(large):
        truth = large[loss].to_numpy()
        for form in (name for name in forms_of(small) if FORMS[name][1] or not few):
            found = _fit(form, small, loss)
            x = {name: large[FORMS[form][1].get(name, name)].to_numpy() for name in FORMS[form][0].arguments}
            out.append((loss, form, large.height, float(np.sqrt(((found.predict(x) - truth) ** 2).mean()))))
        nearest = np.array([_nearest(small, row, loss) for row in large.iter_rows(named=True)])
        out.append((loss, NEAREST, large.height, float(np.sqrt(((nearest - truth) ** 2).mean()))))
    return out


NEAREST = "no law: the nearest smaller cell"


def leads(tested: pl.DataFrame) -> pl.DataFrame:
    """The errors of `held_out` over that of `NEAREST` in the same split: ``loss, form, tested, ratio``.

    Below 1 a form is better. A split in which `NEAREST` makes no error has no row.
    """
    none = tested.filter(form=NEAREST).select("loss", "tested", without="rmse")
    both = tested.filter(pl.col("form") != NEAREST).join(none, on=["loss", "tested"], maintain_order="left")
    return both.filter(pl.col("without") > 0).select("loss", "form", "tested", ratio=pl.col("rmse") / pl.col("without"))


def ranges(ratios: pl.DataFrame) -> pl.DataFrame:
    """`leads` over the splits: ``loss, form, splits, least, most``, the least and the greatest ratio."""
    ratio = pl.col("ratio")
    return ratios.group_by("loss", "form", maintain_order=True).agg(
        splits=pl.len(), least=ratio.min(), most=ratio.max()
    )


def wins(ratios: pl.DataFrame, loss: str, form: str, rival: str) -> tuple[int, int]:
    """In how many splits of `leads` a form has a smaller error than a rival, and how many have both."""
    parts = [ratios.filter(loss=loss, form=name) for name in (form, rival)]
    both = parts[0].join(parts[1], on="tested", suffix="_rival")
    return int((both["ratio"] < both["ratio_rival"]).sum()), both.height


def ranges_shown(ratios: pl.DataFrame) -> pl.DataFrame:
    """`ranges` for readers: a row a form, a column a loss; in brackets of how many splits, where not of all."""
    found = ranges(ratios)
    most = found["splits"].max()
    few = {row["form"]: "" if row["splits"] == most else f" ({row['splits']})" for row in found.iter_rows(named=True)}
    told = pl.Series("told", [_from_to(row) + few[row["form"]] for row in found.iter_rows(named=True)], pl.String)
    table = found.select("form", pl.col("loss").replace(SHORT), told)
    return table.pivot("loss", index="form", values="told", maintain_order=True)


def forecasts(ratios: pl.DataFrame, form: str) -> str:
    """What `ranges` says of a form and of the best one for each loss, and of a plane for the first, in sentences."""
    found = ranges(ratios)
    if found.filter(form=form).is_empty():
        return f"There are too few sizes to fit {form} to the smaller ones and test it on the rest."
    lines = []
    for (loss,), part in found.group_by("loss", maintain_order=True):
        own = part.filter(form=form)
        best = part.filter(splits=part["splits"].max()).sort("most").row(0, named=True)
        text = f"{LOSSES[str(loss)]}: {form} has {_from_to(own.row(0, named=True))}" if len(own) else LOSSES[str(loss)]
        lines.append(f"\n- {text}. Best in its worst split: {best['form']}, {_from_to(best)}.")
    first = found["loss"][0]
    won, splits = wins(ratios, first, PLANE, form)
    plane = (
        f"\n\nOn the {LOSSES[first]} the {PLANE}, which is no scaling law, has a smaller error than {form} in {won} of "
        f"{splits} splits."
    )
    numbers = ratios["tested"]
    return (
        "A forecast without a law takes the loss of the nearest smaller model. The numbers are the error of a form "
        f"over the error of this forecast. They are given for {numbers.n_unique()} splits, which hold out the "
        f"{numbers.min()} to {numbers.max()} largest sizes. Above 1 a law is worse than no "
        f"law.\n{''.join(lines)}{plane if splits and form != PLANE else ''}"
    )


def _from_to(row: dict[str, Any]) -> str:
    return f"{row['least']:.2f} to {row['most']:.2f}"


def at_edges(fitted: pl.DataFrame) -> str:
    """How many of the fits of `fits` end at a bound of the search or in a limit of the form, in sentences."""
    edge = fitted.filter(pl.col("status").is_in(UNBOUNDED))
    if edge.is_empty():
        return f"None of the {len(fitted)} fits ends at a bound of the search or in a limit of its form."
    parts = [
        f"{form} ({', '.join(SHORT[loss] for loss in part['loss'])})"
        for (form,), part in edge.group_by("form", maintain_order=True)
    ]
    end = "ends" if len(edge) == 1 else "end"
    return (
        f"{len(edge)} of the {len(fitted)} fits {end} at a bound of the search or in a limit of the form: "
        f"{'; '.join(parts)}. There the R² is that of the best curve found, and the parameters say nothing by "
        "themselves."
    )


def _nearest(small: pl.DataFrame, cell: dict[str, Any], loss: str) -> float:
    """The loss of the seen cell with the least distance in ln depth and ln width."""
    distance = (np.log(small["n_layers"].to_numpy()) - np.log(cell["n_layers"])) ** 2
    distance += (np.log(small["d_emb"].to_numpy()) - np.log(cell["d_emb"])) ** 2
    return float(small[loss].to_numpy()[int(distance.argmin())])


def steps(frame: pl.DataFrame) -> pl.DataFrame:
    """From each cell to the next deeper, and to the next wider one: how each loss changes.

    Returns:
        ``loss, direction`` (``depth`` or ``width``), ``fixed, before, after, change``, and ``clear``: the change over
        the standard error of a difference of these means, where the noise is known.
    """
    points = cells(frame)
    sigma = dict(noise(frame).select("name", "sigma").iter_rows())
    out = []
    for direction, along, fixed in (("depth", "n_layers", "d_emb"), ("width", "d_emb", "n_layers")):
        for (held,), part in points.sort(along).group_by([fixed], maintain_order=True):
            for a, b in pairwise(part.iter_rows(named=True)):
                for loss in losses_of(points):
                    change = b[loss] - a[loss]
                    error = sigma.get(loss, np.nan) * (1 / a["runs"] + 1 / b["runs"]) ** 0.5
                    out.append((loss, direction, held, a[along], b[along], change, change / error))
    names = ["loss", "direction", "fixed", "before", "after", "change", "clear"]
    return pl.DataFrame(out, names, orient="row")


def linear(frame: pl.DataFrame) -> pl.DataFrame:
    """Performance = a − k · loss over the cells, with a free and with the paper's a = 1.

    Returns:
        ``metric, loss, a, a_low, a_high`` (95%), ``k, r2``, ``k_one, r2_one`` (a held at 1) and ``spearman``.
    """
    points = cells(frame)
    out = []
    for metric in (name for name in METRICS if name in points.columns):
        for loss in losses_of(points):
            free = fit(get("linear-loss"), points, metric, x={"loss": loss})
            low, high = np.asarray(ols(free).conf_int())[0]
            x, y = (points[name].to_numpy() for name in (loss, metric))
            k_one = float((1 - y) @ x / (x @ x))
            r2_one = float(1 - ((1 - k_one * x - y) ** 2).sum() / ((y - y.mean()) ** 2).sum())
            rank = spearman(x, y)
            row = (free.params["a"], float(low), float(high), free.params["k"], free.r2, k_one, r2_one, rank)
            out.append((metric, loss, *row))
    names = ["metric", "loss", "a", "a_low", "a_high", "k", "r2", "k_one", "r2_one", "spearman"]
    return pl.DataFrame(out, names, orient="row")


def shortfalls(points: pl.DataFrame) -> tuple[float, float] | None:
    """Least and greatest (1 − HR@10) / (1 − NDCG@10) over the cells; None without both metrics.

    If both metrics were 1 − k · loss, each with its own k and with one loss, this would be one number.
    """
    if not set(METRICS) <= set(points.columns):
        return None
    ratio = ((1 - points["hr10"]) / (1 - points["ndcg10"])).to_numpy()
    return float(ratio.min()), float(ratio.max())


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Rank correlation; NaN if either is constant."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan
    result: Any = stats.spearmanr(x, y)
    return float(result.statistic)


def parting(points: pl.DataFrame) -> pl.DataFrame:
    """Of each run's curve: where the validation loss is least and where the ranking is best.

    Args:
        points: of `curves`.

    Returns:
        ``n_layers, d_emb, seed, epoch_loss, epoch_ranking`` (from 1), ``share``: NDCG@10 at the least loss over the
        best, ``loss_rise``: validation loss at the best ranking less the least, nats.
    """
    out = []
    for _, curve in points.sort("epoch").group_by("key", maintain_order=True):
        loss, metric, epoch = (curve[name].to_numpy() for name in ("valid_loss", "valid_ndcg10", "epoch"))
        low, high = int(loss.argmin()), int(metric.argmax())
        run = tuple(curve[name][0] for name in ("n_layers", "d_emb", "seed"))
        out.append((*run, epoch[low], epoch[high], float(metric[low] / metric[high]), float(loss[high] - loss[low])))
    names = ["n_layers", "d_emb", "seed", "epoch_loss", "epoch_ranking", "share", "loss_rise"]
    return pl.DataFrame(out, names, orient="row").sort("n_layers", "d_emb", "seed")
