"""P-Law, the paper's successor: what its printed tables say with its token column as printed and put right."""

from __future__ import annotations

from itertools import product

import numpy as np
import polars as pl

from srlaw import paper
from srlaw.chapters import printed
from srlaw.laws import Fit, bootstrap, fit, fit_tables, get, optimum
from srlaw.paper import PANEL

TARGETS = {"hr10": "HR@10", "ndcg10": "NDCG@10", "loss": "loss"}
"""What a data parameter of Table 3 was fitted to → how the page calls it."""
EXCHANGED = {("kuairand-pure", k): ("ml-1m", m) for k, m in ((25, 100), (50, 150), (100, 200))}
"""Rows of Table 3 whose tokens stand in each other's place, in the order of s_max."""
SMALL = ("kuairand-pure", "ml-1m")
CUT = 1e-3  # unit of the last printed digit in Tables 1, 7 and 8
PRINTED_TOKENS_ALONE = "token_only"


def data() -> pl.DataFrame:
    """Table 3 with ``tokens_right`` and ``s_right``, both columns with the rows of `EXCHANGED` exchanged.

    Returns:
        ``dataset, s_max, users, items, tokens, tokens_right, s, s_right`` (S′ = 1/S_real, events per nat) and the
        printed 1/D′ by target, ``hr10, ndcg10, loss``, in units of 1e-7.
    """
    table = paper.successor("3")
    rows = table.select(
        "dataset", "s_max", "users", "items", "tokens", s="inverse_real_entropy",
        **{target: f"inverse_d_{target}_e-7" for target in TARGETS},
    )  # fmt: skip
    other = EXCHANGED | {there: here for here, there in EXCHANGED.items()}
    keys = list(zip(rows["dataset"], rows["s_max"], strict=True))
    at = [keys.index(other.get(key, key)) for key in keys]
    return rows.with_columns(tokens_right=rows["tokens"][at], s_right=rows["s"][at])


def r2(x: np.ndarray, y: np.ndarray) -> float:
    """R² of the least-squares line of y on x, from its residuals."""
    design = np.column_stack([np.ones_like(x), x / np.abs(x).max()])
    coef, *_ = np.linalg.lstsq(design, y, rcond=None)
    return float(1 - ((y - design @ coef) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def _through_origin(x: np.ndarray, y: np.ndarray) -> float:
    return float(1 - ((y - x * (x @ y) / (x @ x)) ** 2).sum() / ((y - y.mean()) ** 2).sum())


_FORMS = {
    "1/D′": lambda x, y: r2(1 / x, y),
    "D′ itself": lambda x, y: r2(x, 1 / y),
    "logarithms": lambda x, y: r2(np.log(x), np.log(y)),
    "1/D′ through the origin": lambda x, y: _through_origin(1 / x, y),
}


def readings() -> pl.DataFrame:
    """R² of the fitted data parameter on tokens·S′ and on tokens alone, in every reading of Table 3.

    Returns:
        ``tokens`` ("as printed", "put right", "put right, S′ exchanged too"), ``form`` (of the regression), ``rows``
        ("all", "small data sets", "without …"), ``target, product, alone`` and ``lead`` (product less alone).
    """
    frame = data()
    columns = {
        "as printed": ("tokens", "s"),
        "put right": ("tokens_right", "s"),
        "put right, S′ exchanged too": ("tokens_right", "s_right"),
    }
    subsets = {"all": frame, "small data sets": frame.filter(pl.col("dataset").is_in(SMALL))}
    subsets |= {f"without {d}": frame.filter(pl.col("dataset") != d) for d in frame["dataset"].unique().sort()}
    rows = []
    for (reading, (tokens, quality)), form, (name, part) in product(columns.items(), _FORMS, subsets.items()):
        t, s = part[tokens].to_numpy().astype(float), part[quality].to_numpy()
        for target in TARGETS:
            y = part[target].to_numpy()
            both = _FORMS[form](t * s, y), _FORMS[form](t, y)
            rows.append((reading, form, name, target, *both, both[0] - both[1]))
    return pl.DataFrame(rows, ["tokens", "form", "rows", "target", "product", "alone", "lead"], orient="row")


def resampled(tokens: str = "tokens_right") -> pl.DataFrame:
    """The lead of tokens·S′ in R² of 1/D′ over all ways to draw as many data sets as there are, with replacement.

    Points of one data set are not independent, so whole data sets are drawn, and all their draws can be listed:
    4⁴ for four, less the four that draw one data set alone and cannot tell data sets apart.

    Returns:
        ``target, draws, low, median, high`` (2.5%, 50%, 97.5%) and ``ahead``, the share of draws with a lead above 0.
    """
    frame = data()
    names = frame["dataset"].unique(maintain_order=True).to_list()
    where = [np.flatnonzero(frame["dataset"].to_numpy() == name) for name in names]
    t, s = frame[tokens].to_numpy().astype(float), frame["s"].to_numpy()
    draws = [draw for draw in product(range(len(names)), repeat=len(names)) if len(set(draw)) > 1]
    rows = []
    for target in TARGETS:
        y, leads = frame[target].to_numpy(), []
        for draw in draws:
            at = np.concatenate([where[k] for k in draw])
            leads.append(r2(1 / (t[at] * s[at]), y[at]) - r2(1 / t[at], y[at]))
        low, median, high = np.quantile(leads, [0.025, 0.5, 0.975])
        rows.append((target, len(draws), low, median, high, float((np.array(leads) > 0).mean())))
    return pl.DataFrame(rows, ["target", "draws", "low", "median", "high", "ahead"], orient="row")


def printed_r2() -> pl.DataFrame:
    """R² as Table 6 prints it beside what Table 3 gives, tokens as printed: ``target, measure, printed, computed``.

    The approximate entropy is that of the first paper's Table 2, in the forms 1/D′ (``computed``) and D′
    (``computed_d``); the successor prints none.
    """
    frame = data().join(paper.table(2).select("dataset", "s_max", "tokens_over_apen"), on=["dataset", "s_max"])
    six = paper.successor("6")
    values = {
        "real_entropy": (frame["tokens"] * frame["s"]).to_numpy(),
        PRINTED_TOKENS_ALONE: frame["tokens"].to_numpy().astype(float),
        "approximate_entropy": frame["tokens_over_apen"].to_numpy(),
    }
    rows = []
    for (measure, x), target in product(values.items(), TARGETS):
        y = frame[target].to_numpy()
        stated = six.filter(target=target)[measure].item()
        rows.append((target, measure, stated, r2(1 / x, y), r2(x, 1 / y)))
    return pl.DataFrame(rows, ["target", "measure", "printed", "computed", "computed_d"], orient="row")


def loss_columns() -> pl.DataFrame:
    """The two papers' fitted 1/D of the losses, row by row: ``dataset, s_max, first, successor, same``.

    ``first`` is Table 1's 1/D_L, ``successor`` Table 3's 1/D in 1e-7; also ``x``, 1/(tokens·S′), and ``apen``,
    ApEn/tokens of Table 1, both with the tokens as printed.
    """
    both = paper.table(1).join(data(), on=["dataset", "s_max"], maintain_order="left", suffix="_successor")
    return both.select(
        "dataset", "s_max", first="inv_d_l", successor="loss",
        same=pl.col("inv_d_l") == pl.col("loss"), x=1 / (pl.col("tokens_successor") * pl.col("s")),
        apen="apen_over_tokens",
    )  # fmt: skip


def table_1() -> pl.DataFrame:
    """Table 1's three R² of each panel beside what the first paper's figures print and the plane in logs has.

    Returns:
        ``dataset, s_max, metric, law, scaling, precision`` (Table 1), ``law_figure, scaling_figure`` (six digits),
        ``plane`` (least squares on 1, ln N, ln d), ``cut_law, cut_scaling``: whether Table 1 is the figure's number
        with its digits beyond the third cut off; ``quadratic``: R² of the log-quadratic law, which can bend;
        ``gain``: the law's R² over the better of the two baselines, less 1.
    """
    law = paper.figure_fits("performance_law").select(*PANEL, law_figure="r2")
    names = {"r2_performance_law": "law", "r2_scaling_law": "scaling", "r2_precision_scaling_law": "precision"}
    frame = paper.successor("1").rename(names).join(law, on=PANEL, maintain_order="left")
    planes = printed.planes().rename({"printed": "scaling_figure"}).drop("offset")
    frame = frame.join(planes, on=PANEL, maintain_order="left")
    panels = paper.panels()
    fits = fit_tables(get("log-quadratic"), [panel.points for panel in panels], "y")
    bending = [(*panel.key, found.r2) for panel, found in zip(panels, fits, strict=True)]
    frame = frame.join(pl.DataFrame(bending, [*PANEL, "quadratic"], orient="row"), on=PANEL, maintain_order="left")
    cuts = {f"cut_{name}": _cut(pl.col(f"{name}_figure"), pl.col(name)) for name in ("law", "scaling")}
    return frame.with_columns(**cuts, gain=pl.col("law") / pl.max_horizontal("scaling", "precision") - 1)


def _cut(full: pl.Expr, short: pl.Expr) -> pl.Expr:
    return ((full / CUT).floor() * CUT - short).abs() < CUT / 1000


def errors() -> pl.DataFrame:
    """Tables 7 and 8: the printed RMSE of the law and the scaling law beside what an R² says on the measurements.

    RMSE = √(1 − R²) times the standard deviation of the panel's measurements (`srlaw.paper.grid`).

    Returns:
        ``dataset, s_max, metric, law`` ("performance", "scaling", "precision_scaling"), ``rmse`` as printed,
        ``implied`` by the R² of Table 1, ``plane`` (of the plane in logs; null for the others), all in 1e-3, and
        ``off``: rmse over the nearer of the two, less 1.
    """
    stated = paper.successor("7_8").rename({"rmse_e-3": "rmse", "mae_e-3": "mae"})
    kinds = {"performance": "law", "scaling": "scaling", "precision_scaling": "precision"}
    shares = table_1().unpivot([*kinds.values(), "plane"], index=PANEL, variable_name="which", value_name="r2")
    spread = paper.grid().unpivot(paper.FIGURE_METRICS, index=["dataset", "s_max"], variable_name="metric")
    spread = spread.group_by(PANEL).agg(spread=pl.col("value").std(ddof=0) * 1e3)
    frame = stated.with_columns(which=pl.col("law").replace(kinds)).join(spread, on=PANEL, maintain_order="left")
    frame = frame.join(shares, on=[*PANEL, "which"], maintain_order="left")
    planes = shares.filter(which="plane").select(*PANEL, r2_plane="r2")
    frame = frame.join(planes, on=PANEL, maintain_order="left")
    implied = pl.col("spread") * (1 - pl.col("r2")).sqrt()
    plane = pl.when(pl.col("law") == "scaling").then(pl.col("spread") * (1 - pl.col("r2_plane")).sqrt())
    frame = frame.with_columns(implied=implied, plane=plane)
    apart = [(pl.col("rmse") / pl.col(name) - 1) for name in ("implied", "plane")]
    nearer = pl.when(apart[1].abs() < apart[0].abs()).then(apart[1]).otherwise(apart[0])
    return frame.with_columns(off=nearer).select(*PANEL, "law", "mae", "rmse", "implied", "plane", "off")


def twins() -> pl.DataFrame:
    """Panels whose HR@10 and NDCG@10 columns of Tables 7 and 8 are alike in all three laws: ``dataset, s_max``."""
    wide = paper.successor("7_8").pivot("metric", index=["dataset", "s_max", "law"])
    same = pl.all_horizontal(pl.col(f"{name}_hr10") == pl.col(f"{name}_ndcg10") for name in ("mae_e-3", "rmse_e-3"))
    grouped = wide.group_by("dataset", "s_max", maintain_order=True).agg(same=same.all())
    return grouped.filter("same").drop("same")


def refits(dataset: str = "ml-1m", s_max: int = 200, draws: int = 200, seed: int = 0) -> pl.DataFrame:
    """Depth and width at the maximum of laws fitted to the measured panels of a data set at one s_max.

    Returns:
        ``metric, law, r2, noise`` (deviation of the residuals), ``n_layers, n_low, n_high, d_emb, d_low, d_high``: 95%
        intervals over `draws` refits to resampled residuals; a width of null has no maximum.
    """
    rows = []
    for metric, law in product(paper.FIGURE_METRICS, ("performance", "log-quadratic")):
        result = fit(get(law), paper.panel(dataset, s_max, metric).points, "y")
        best = optimum(result, draws=bootstrap(result, draws, seed=seed))
        interval = best.interval or {"n_layers": (None, None), "d_emb": (None, None)}
        found = [metric, law, result.r2, _scatter(result)]
        for name in ("n_layers", "d_emb"):
            found += [getattr(best, name), *interval[name]]
        rows.append(tuple(found))
    names = ["metric", "law", "r2", "noise", "n_layers", "n_low", "n_high", "d_emb", "d_low", "d_high"]
    return pl.DataFrame(rows, names, orient="row", infer_schema_length=None)


def scatter(dataset: str, s_max: int, metric: str) -> float:
    """Standard deviation of the residuals of Eq. (7) on one panel: what single runs leave around a smooth curve."""
    return _scatter(fit(get("performance"), paper.panel(dataset, s_max, metric).points, "y"))


def _scatter(result: Fit) -> float:
    return float(np.sqrt((result.residuals**2).sum() / (result.n - result.free)))


def table_2(part: str) -> pl.DataFrame:
    """One part of Table 2, ``"global"``, ``"H=64"`` or ``"H*d~512"``, with the size N·d of each row.

    Returns:
        ``n_layers, d_emb, size, ndcg10, ndcg50, hr10, hr50`` and ``prediction``: the row marked as the law's own.
    """
    rows = paper.successor("2").filter(part=part)
    names = ["ndcg10", "ndcg50", "hr10", "hr50"]
    return rows.select(
        "n_layers", "d_emb", (pl.col("n_layers") * pl.col("d_emb")).alias("size"), *names,
        prediction=pl.col("marked").is_not_null(),
    )  # fmt: skip


def leads(part: str) -> dict[str, float]:
    """By how much the predicted row of one part of Table 2 leads the best other row, by metric."""
    rows = table_2(part)
    own, others = rows.filter("prediction"), rows.filter(~pl.col("prediction"))
    return {name: own[name].item() - others[name].max() for name in ("ndcg10", "ndcg50", "hr10", "hr50")}


def in_panel(dataset: str = "ml-1m") -> pl.DataFrame:
    """Rows of Table 2's part ``"global"`` beside the measurement of the data set with the same HR@10 and NDCG@10.

    Returns:
        ``n_layers, d_emb, hr10, ndcg10, prediction`` (Table 2), ``s_max, n_there, d_there`` of the measurement (null:
        none has both metrics to four decimals) and ``next_hr10``: the HR@10 of the nearest measurement, by the sum of
        absolute differences of both metrics, that is not the same.
    """
    there = paper.grid().filter(dataset=dataset)
    rows = []
    for row in table_2("global").iter_rows(named=True):
        apart = there.select(d=(pl.col("hr10") - row["hr10"]).abs() + (pl.col("ndcg10") - row["ndcg10"]).abs())["d"]
        order = apart.arg_sort()
        near, following = (there.row(int(order[k]), named=True) for k in (0, 1))
        same = apart[int(order[0])] < 1e-9
        found = (near["s_max"], near["n_layers"], near["d_emb"]) if same else (None, None, None)
        own = (row["n_layers"], row["d_emb"], row["hr10"], row["ndcg10"], row["prediction"])
        rows.append((*own, *found, (following if same else near)["hr10"]))
    names = ["n_layers", "d_emb", "hr10", "ndcg10", "prediction", "s_max", "n_there", "d_there", "next_hr10"]
    return pl.DataFrame(rows, names, orient="row", infer_schema_length=None)


def same_measurement() -> pl.DataFrame:
    """Rows of Table 2 whose metrics the first paper's Table 3 prints too, at another size in either order of columns.

    Returns:
        ``n_layers, d_emb`` (here), ``col1, col2`` (there, headed N and d), ``ndcg10, ndcg50, hr10``.
    """
    metrics = ["ndcg10", "ndcg50", "hr10"]
    both = paper.successor("2").join(paper.table(3), on=metrics, maintain_order="left")
    straight = (pl.col("n_layers") == pl.col("col1")) & (pl.col("d_emb") == pl.col("col2"))
    turned = (pl.col("n_layers") == pl.col("col2")) & (pl.col("d_emb") == pl.col("col1"))
    return both.filter(~straight & ~turned).select("n_layers", "d_emb", "col1", "col2", *metrics)


def misordered(least: float = 2 * CUT) -> pl.DataFrame:
    """Panels where Table 1 and Tables 7 and 8 put the two scaling laws in opposite orders.

    On the same measurements the law with the higher R² has the lower RMSE. R² must differ by `least`, two units of the
    last printed digit, so that rounding cannot explain it.

    Returns:
        ``dataset, s_max, metric, scaling, precision`` (R²), ``rmse_scaling, rmse_precision`` (1e-3), one row a panel
        with both orders known, and ``opposite``.
    """
    wide = paper.successor("7_8").pivot("law", index=PANEL, values="rmse_e-3")
    names = {"r2_scaling_law": "scaling", "r2_precision_scaling_law": "precision"}
    both = (
        paper.successor("1")
        .rename(names)
        .join(
            wide.select(*PANEL, rmse_scaling="scaling", rmse_precision="precision_scaling"),
            on=PANEL,
            maintain_order="left",
        )
    )
    share, error = pl.col("precision") - pl.col("scaling"), pl.col("rmse_precision") - pl.col("rmse_scaling")
    known = both.filter((share.abs() > least - CUT / 2) & (error.abs() > CUT / 2))
    return known.select(*PANEL, *names.values(), "rmse_scaling", "rmse_precision", opposite=share * error > 0)
