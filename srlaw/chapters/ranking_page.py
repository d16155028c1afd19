"""Charts, tables and sentences of chapter 14."""

from __future__ import annotations

import altair as alt
import polars as pl

from srlaw.chapters import ranking as study
from srlaw.chapters.ranking import BEST, Task, contrast
from srlaw.charts import Table, log_axis, rounded, table
from srlaw.claims import CLAIMS
from srlaw.ratings import LIKED, PRIOR
from srlaw.rules import RULES

MEASURES = {"auc": "AUC", "log_loss": "log-loss (nats)"}
PUBLICATION = "new-frontiers"
APART = 0.07  # of a doubling, between the bars of two models at one width
NARROW = 8  # widths up to here are called narrow


def protocol(found: Task) -> str:
    """How the runs were trained and tested."""
    rows = found.rows
    rates = ", ".join(f"{rate:g}" for rate in sorted(rows["learning_rate"].unique()))
    one = {name: rows[name].unique().sort().to_list() for name in ("n_layers", "s_max", "epochs", "dropout")}
    depth, s_max, epochs, dropout = (values[0] for values in one.values())
    return (
        f"*Protocol.* MovieLens-100K: the last rating of each of {len(found.liked):,} users is tested, and the one "
        f"before it chooses the epoch. Of the tested ratings {found.liked.mean():.0%} are at least {LIKED:g}. The "
        f"models have {depth} blocks and read the last {s_max} events, items and ratings in turn. The head takes the "
        "state h before an event and the embedding e of its item, and its log-odds are h · e + u · h + b, with u the "
        "same for all and b by item. It learns from every event of the training histories by binary "
        f"log-loss: {epochs} epochs, dropout {dropout:g}, {rows['seed'].n_unique()} seeds. The learning rates are "
        f"{rates}; where a width had two, the one with the lower validation log-loss counts. The other settings come "
        "from a few short tries at one width, by the validation events. *Yardsticks*: a logistic regression on the "
        "share of liked ratings of the item, and one on that and the user's own share; each share is drawn towards "
        f"the overall one by {PRIOR:g} events."
    )


def width_chart(leads: pl.DataFrame) -> alt.FacetChart:
    """AUC and log-loss of each model less those of the best yardstick, against width, all users."""
    return _curves(leads.filter(pl.col("fraction") == 1), "model", f"less {BEST}")


def share_chart(leads: pl.DataFrame, model: str = "HSTU") -> alt.FacetChart:
    """The same of one model, a line a share of the users who train."""
    own = leads.filter(pl.col("model") == model).with_columns(users=_percent())
    return _curves(own, "users", f"less {BEST}")


def _percent() -> pl.Expr:
    return pl.format("{}% of the users", (100 * pl.col("fraction")).cast(int))


def _curves(leads: pl.DataFrame, lines: str, title: str) -> alt.FacetChart:
    """Differences with their intervals against width, a line a value of the column `lines`, drawn a little apart."""
    place = pl.col(lines).rank("dense") - (pl.col(lines).n_unique() + 1) / 2
    nudged = leads.with_columns(at=pl.col("d_emb") * 2 ** (APART * place), zero=0.0)
    long = pl.concat(
        nudged.select(lines, "at", "zero", measure=pl.lit(label), value=name, low=f"{name}_low", high=f"{name}_high")
        for name, label in MEASURES.items()
    )
    x = alt.X("at:Q", title="width", scale=alt.Scale(type="log", base=2), axis=log_axis(leads["d_emb"].unique()))
    base = alt.Chart(rounded(long, 4))
    drawn = base.encode(x=x, color=alt.Color(f"{lines}:N", title=None, sort=None))
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False))
    return (
        alt.layer(
            base.mark_rule(strokeDash=[5, 4]).encode(y="mean(zero):Q"),
            drawn.mark_line(point=True).encode(y=y),
            drawn.mark_rule().encode(y="low:Q", y2="high:Q"),
        )
        .properties(width=230, height=210)
        .facet(facet=alt.Facet("measure:N", title=None, sort=None), columns=2)
        .resolve_scale(y="independent")
        .properties(description=f"AUC and log-loss {title} against width, a line for each of the {lines}.")
    )


def both_chart(cells: pl.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """AUC against log-loss of every model, width, share and yardstick, with intervals in both."""
    base = alt.Chart(rounded(cells.with_columns(users=_percent()), 4))
    x = alt.X("log_loss:Q", title="log-loss (nats)", scale=alt.Scale(zero=False))
    bars = base.mark_rule(opacity=0.25).encode(x=x, y=alt.Y("auc_low:Q", title="AUC"), y2="auc_high:Q")
    points = base.mark_point(size=70, filled=True).encode(
        x=x,
        y=alt.Y("auc:Q", title="AUC", scale=alt.Scale(zero=False)),
        color=alt.Color("model:N", title=None, sort=None),
        shape=alt.Shape("users:N", title=None),
    )
    described = "AUC against log-loss of all models and yardsticks: they fall on a band."
    return alt.layer(bars, points).properties(height=280, description=described)


def cell_table(cells: pl.DataFrame, share: float = 1.0) -> Table:
    """AUC and log-loss of every model and yardstick, best AUC first."""
    lines = cells.filter(pl.col("fraction") == share).sort("auc", descending=True)
    both = [
        pl.format("{} ± {}", pl.col(name).round(4), pl.col(f"{name}_error").round(4)).alias(label)
        for name, label in MEASURES.items()
    ]
    size = pl.col("d_emb").cast(pl.String).fill_null("–").alias("width")
    seeds = pl.when(pl.col("seeds") > 0).then(pl.col("seeds"))
    caption = (
        f"MovieLens-100K, {share:.0%} of the users train, all are tested; mean over seeds ± one standard error, over "
        "users and seeds"
    )
    return table(lines.select("model", size, seeds, *both), caption=caption)


def pair_table(compared: pl.DataFrame, most: int = 6) -> Table:
    """The pairs that part, those with the greatest loss of AUC first."""
    parted = compared.filter("apart").sort("auc").head(most)
    parted = parted.with_columns(pl.format("{}%", (100 * pl.col("fraction")).cast(int)).alias("fraction"))
    names = {"first": "lower log-loss", "second": "higher AUC", "fraction": "users", "log_loss": "log-loss less"}
    shown = parted.rename(names | {"auc": "AUC less", "clear": "beyond the errors"}).drop("apart")
    return table(shown, digits=2, caption="Pairs of which one has the lower log-loss and the other the higher AUC")


def race_words(found: Task) -> str:
    """Who leads, and by how much the best model is ahead of the best yardstick."""
    cells = study.summary(found).filter(pl.col("fraction") == 1)
    models = cells.drop_nulls("d_emb")
    lines = []
    for model in models["model"].unique(maintain_order=True):
        width = study.chosen(found, model)
        parts = []
        for measure, label in (("auc", "AUC"), ("log_loss", "log-loss")):
            lead = contrast(found, {(model, width, 1.0): 1.0, (BEST, None, 1.0): -1.0}, measure)
            parts.append(f"{label} {lead['value']:+.3f} ({lead['low']:+.3f} to {lead['high']:+.3f})")
        lines.append(f"{model} of width {width}: {', '.join(parts)}")
    return (
        f"Less {BEST}, on the same users, each model with the width of its least validation log-loss (95% intervals "
        f"over users and seeds):\n\n{_listed(lines)}"
    )


def slope_words(found: Task) -> str:
    """What a doubling of the width changes, model by model."""
    lines = []
    for model in dict.fromkeys(name for name, d, _ in found.cells if d is not None):
        parts = []
        for measure, label in (("auc", "AUC"), ("log_loss", "log-loss")):
            if (rise := study.slope(found, model, measure)) is not None:
                parts.append(f"{label} {rise['value']:+.4f} ({rise['low']:+.4f} to {rise['high']:+.4f})")
        lines.append(f"{model}: {', '.join(parts)}")
    last = found.rows.filter(pl.col("d_emb") <= NARROW).group_by("model", maintain_order=True)
    late = [
        f"{int((part['best_epoch'] == part['epochs']).sum())} of {len(part)} ({study.name_of(str(name))})"
        for (name,), part in last
    ]
    return (
        f"A doubling of the width changes, on a straight line through all widths:\n\n{_listed(lines)}\n\nOne learning "
        f"rate for many widths favours one of them: of the runs of width {NARROW} or less, {', '.join(late)} have "
        "their best epoch last, when they had not learned to the end. Only the narrowest HSTU had a higher rate, so "
        "the slopes of the three models are not to be compared."
    )


def loss_words(found: Task, compared: pl.DataFrame) -> str:
    """How the two measures part, and that they may by arithmetic."""
    once, twice, before, after = study.doubled(found, (BEST, None, 1.0))
    clear = int(compared["clear"].sum())
    return (
        "By arithmetic the two may part: with its log-odds doubled, the yardstick of two shares keeps its order and "
        f"its AUC ({before:.4f}, then {after:.4f}), and its log-loss goes from {once:.4f} to {twice:.4f}. Among our "
        f"models, {int(compared['apart'].sum())} of {len(compared)} pairs part, and {clear} beyond the errors of both, "
        "at a level shared by all pairs."
    )


def few_words(found: Task, few: float, model: str = "HSTU") -> str:
    """What the least width has more than the greatest, for all users and for a share of them."""
    lines = []
    for share in (1.0, few):
        at = study.widths(found, model, share)
        parts = []
        for measure, label in (("auc", "AUC"), ("log_loss", "log-loss")):
            if (gap := study.narrow_less_wide(found, model, measure, share)) is not None:
                parts.append(f"{label} {gap['value']:+.3f} ({gap['low']:+.3f} to {gap['high']:+.3f})")
        if parts:
            lines.append(f"With {share:.0%} of the users, width {at[0]} less width {at[-1]}: {', '.join(parts)}")
    return f"{model}:\n\n{_listed(lines)}" if lines else f"{model} has no two widths on the same users."


def _listed(lines: list[str]) -> str:
    return "\n".join(f"- {line}." for line in lines)


def open_words() -> str:
    """The claims of the paper that no rule judges, with what it would take."""
    waiting = [c for c in CLAIMS if c.publication.id == PUBLICATION and c.id not in RULES]
    return "\n".join(f"- **{c.place}.** {c.statement} *{c.needs.strip()}*" for c in waiting)
