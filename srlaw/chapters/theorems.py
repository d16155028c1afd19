"""Lemma 3.2 and Theorem 3.3 put to the test: Gibbs' inequality, and code lengths against #Tokens / ApEn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.optimize import brentq
from scipy.special import entr, rel_entr
from scipy.stats import binom

from srlaw import paper
from srlaw.datasets import REGISTRY
from srlaw.markov import eliminate, zipf

Numbers = float | np.ndarray
LN2 = float(np.log(2))
UNITS = {"ApEn in nats, code in bits": LN2, "both in bits": LN2**2, "both in nats": 1.0}
"""Readings of (12) → the c for which (12) of users of n events reads h·(H(π) + (n − 1)h) ≥ n·c, h in nats."""
AS_PRINTED = "ApEn in nats, code in bits"


# --- Lemma 3.2 ---------------------------------------------------------------------------------------------------


def gibbs_gap(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Right minus left side of Eq. (10), Σ x ln(1/y) − Σ x ln(1/x), over the last axis, in nats.

    A term with x = 0 is 0; one with y = 0 < x is +∞. Where entries are no probabilities, nothing is checked.
    """
    return rel_entr(x, y).sum(-1)


def gibbs_study(pairs: int, sizes: Sequence[int], seed: int = 0) -> pl.DataFrame:
    """`gibbs_gap` of random and adversarial vectors, inside the lemma's hypotheses and just outside.

    Args:
        pairs: pairs of vectors per family, shared out over `sizes`, the numbers of outcomes.

    Returns:
        One row a pair: ``family, inside`` (both sum to 1, over all n terms), ``size, gap`` (nats), ``distance``,
        Σ|x − y|/2, and ``half_chi2``, Σ(x − y)²/2y.
    """
    rng = np.random.default_rng([seed, 32])
    parts = []
    for size in sizes:
        shape = (pairs // len(sizes), size)
        x, y = _dirichlet(shape, rng, -2, 1), _dirichlet(shape, rng, -2, 1)
        sharp = _dirichlet(shape, rng, -2, -1.5)
        half = np.where(np.arange(size) < max(1, size // 2), x + 1e-300, 0)
        half /= half.sum(1, keepdims=True)
        close = x * np.exp(10 ** rng.uniform(-5, 0, (len(x), 1)) * rng.normal(size=shape))
        close /= close.sum(1, keepdims=True)
        scale = rng.random((len(x), 1))
        cut = max(1, size // 2)
        families = {
            "random": (x, y),
            "nearly degenerate": (sharp, np.roll(sharp, 1, axis=0)),
            "permuted": (x, rng.permuted(x, axis=1)),
            "zeros in x": (half, y),
            "nearly equal": (x, close),
            "equal": (x, x),
            "outside: Σ y < 1": (x, y * scale),
            "outside: Σ y > 1": (x, y * (1 + scale)),
            "outside: sums to q = n/2": (x[:, :cut], y[:, :cut]),
        }
        for family, (left, right) in families.items():
            columns = {"gap": gibbs_gap(left, right), "distance": np.abs(left - right).sum(1) / 2}
            with np.errstate(over="ignore"):
                columns["half_chi2"] = ((left - right) ** 2 / right).sum(1) / 2
            row = {"family": family, "inside": not family.startswith("outside"), "size": size}
            parts.append(pl.DataFrame(columns).with_columns(**{key: pl.lit(value) for key, value in row.items()}))
    return pl.concat(parts).select("family", "inside", "size", "gap", "distance", "half_chi2")


def _dirichlet(shape: tuple[int, ...], rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    """Dirichlet vectors along the last axis, each with its own concentration 10^U(low, high)."""
    concentration = 10 ** rng.uniform(low, high, shape[:1] + (1,) * (len(shape) - 1))
    draws = rng.standard_gamma(np.broadcast_to(concentration, shape)) + 1e-300  # never a vector of zeros
    return draws / draws.sum(-1, keepdims=True)


# --- Theorem 3.3: both sides -------------------------------------------------------------------------------------


def code_bits(h: Numbers, start: Numbers, n: Numbers) -> Numbers:
    """H₂(S), Eq. (13), of a stationary chain's n events: (H(π) + (n − 1)h) / ln 2 bits a user.

    Args:
        h: entropy rate, nats per event.
        start: H(π), nats.
    """
    return (start + (n - 1) * h) / LN2


def margin(h: Numbers, start: Numbers, n: Numbers, units: str = AS_PRINTED) -> Numbers:
    """Left over right side of (12) for users of n events, with H₂(S) for L(C): (12) holds where it is ≥ 1."""
    return h * code_bits(h, start, n) * LN2 / (n * UNITS[units])


def boundary(n: Numbers, start: Numbers, units: str = AS_PRINTED) -> Numbers:
    """The least entropy rate (nats) that satisfies (12): the positive root of (n − 1)h² + H(π)h − nc = 0.

    Written so that n = 1 needs no case of its own. For n → ∞, and for independent events (H(π) = h), it is √c.
    """
    c = UNITS[units]
    return 2 * n * c / (start + np.sqrt(start**2 + 4 * n * (n - 1) * c))


# --- chains ------------------------------------------------------------------------------------------------------


def random_chains(items: int, chains: int, rng: np.random.Generator) -> np.ndarray:
    """Ergodic transition matrices ``(chains, A, A)`` from nearly deterministic to nearly uniform.

    Rows are Dirichlet with a concentration of 10^U(−2, 1) for each chain, mixed with 1e-6 of the uniform.
    """
    return (1 - 1e-6) * _dirichlet((chains, items, items), rng, -2, 1) + 1e-6 / items


def chain_entropies(transition: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Entropy rates h and start entropies H(π) of ``(chains, A, A)``, in nats, each ``(chains,)``."""
    pi = eliminate(transition)
    return (pi * entr(transition).sum(-1)).sum(-1), entr(pi).sum(-1)


def sequence_probabilities(transition: np.ndarray, n: int) -> np.ndarray:
    """Probabilities of all A^n sequences of n events for each chain of ``(chains, A, A)``: ``(chains, A^n)``."""
    chains, items, _ = transition.shape
    p = eliminate(transition)
    for _ in range(n - 1):
        steps = p.reshape(chains, -1, items, 1) * transition[:, None]
        p = steps.reshape(chains, -1)
    return p


def cycle_rows(items: int, epsilon: float, states: np.ndarray) -> np.ndarray:
    """Rows of the chain that goes on to the next item, and with probability ε to any item: ``(states, A)``.

    It is doubly stochastic, so π is uniform, and it is ergodic for ε > 0.
    """
    rows = np.full((len(states), items), epsilon / items)
    rows[np.arange(len(states)), (states + 1) % items] += 1 - epsilon
    return rows


def cycle_rate(items: int, epsilon: float) -> float:
    """Entropy rate of `cycle_rows`, in nats: every row has the same entropy, Eq. (8)."""
    return float(entr(cycle_rows(items, epsilon, np.array([0]))).sum())


def epsilon_of(items: int, h: float) -> float:
    """The ε at which `cycle_rate` is h, 0 < h < ln A."""
    epsilon, _ = brentq(lambda e: cycle_rate(items, e) - h, 1e-15, 1.0, xtol=1e-14, full_output=True)
    return epsilon


def cycle_sequences(items: int, epsilon: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """All A^n sequences of `cycle_rows`, those of equal probability together, by how many steps leave the cycle.

    Returns:
        Probability of each group, and ln of the probability of each of its sequences; both ``(n,)``.
    """
    off = epsilon / items
    k = np.arange(n)
    log_p = -np.log(items) + (n - 1 - k) * np.log1p(-(items - 1) * off) + k * np.log(off)
    return binom.pmf(k, n - 1, (items - 1) * off), log_p


def found_boundary(items: int, n: int, units: str = AS_PRINTED) -> float | None:
    """The entropy rate at which the two sides of (12) cross, found along ε of `cycle_rows` by root finding.

    Neither the formula of `code_bits` nor that of `boundary` is used: the code's side is Σ p ln(1/p) over all
    sequences, ApEn is Eq. (8) summed over a row. None if (12) fails up to ε = 1, independent uniform items.
    """

    def excess(epsilon: float) -> float:
        weight, log_p = cycle_sequences(items, epsilon, n)
        return float(-(weight @ log_p) * cycle_rate(items, epsilon) - n * UNITS[units])

    if excess(1.0) < 0:
        return None
    epsilon, _ = brentq(excess, 1e-12, 1.0, xtol=1e-13, full_output=True)
    return cycle_rate(items, epsilon)


def boundaries(alphabets: Sequence[int], lengths: Sequence[int]) -> pl.DataFrame:
    """`boundary` and `found_boundary` where π is uniform: ``items, n, h, found``, null where (12) never holds."""
    rows = []
    for items in alphabets:
        for n in lengths:
            h = float(boundary(n, np.log(items)))
            rows.append(
                {"items": items, "n": n, "h": h if h <= np.log(items) else None, "found": found_boundary(items, n)}
            )
    return pl.DataFrame(rows, schema_overrides={"h": pl.Float64, "found": pl.Float64})


def boundaries_by_unit(items: int, n: int) -> pl.DataFrame:
    """`found_boundary` and the limit √c of `boundary` in every choice of units: ``units, found, limit`` (nats)."""
    rows = [(units, found_boundary(items, n, units), float(np.sqrt(c))) for units, c in UNITS.items()]
    return pl.DataFrame(rows, schema=["units", "found", "limit"], orient="row")


def random_study(alphabets: Sequence[int], chains: int, seed: int = 0) -> pl.DataFrame:
    """Entropies of `chains` random chains over small alphabets: ``family, items, h, start`` (nats)."""
    rng = np.random.default_rng([seed, 33])
    parts = []
    for items in alphabets:
        h, start = chain_entropies(random_chains(items, chains // len(alphabets), rng))
        parts.append(pl.DataFrame({"items": np.full(len(h), items), "h": h, "start": start}))
    return pl.concat(parts).select(pl.lit("random rows").alias("family"), "items", "h", "start")


def listed_study(
    alphabets: Sequence[int], chains: int, lengths: Sequence[int], most: int = 1024, seed: int = 0
) -> pl.DataFrame:
    """The chains of `random_study` again, the code's side of (12) summed over every sequence of n events.

    Args:
        most: lengths with more sequences than this are left out.

    Returns:
        ``items, n, h, start`` (nats), ``bits`` (Σ p log₂(1/p) a user), and ``predicted`` (`boundary`, as printed).
    """
    rng = np.random.default_rng([seed, 33])
    parts = []
    for items in alphabets:
        transition = random_chains(items, chains // len(alphabets), rng)
        h, start = chain_entropies(transition)
        for n in (n for n in lengths if items**n <= most):
            bits = entr(sequence_probabilities(transition, n)).sum(1) / LN2
            frame = {"h": h, "start": start, "bits": bits, "predicted": h >= boundary(n, start)}
            parts.append(pl.DataFrame(frame).select(pl.lit(items).alias("items"), pl.lit(n).alias("n"), pl.all()))
    return pl.concat(parts)


def minimal_study(alphabets: Sequence[int], chains: int, n: int, seed: int = 0) -> pl.DataFrame:
    """The chains of `random_study` whose transition probabilities are all at most e^(−√ln 2), judged for n events.

    This is what the remark after (15), “p_xy are minimal”, must mean at least for (12) to be true at every length.

    Returns:
        ``items, h, start, holds``; no row for an alphabet without such a chain.
    """
    rng = np.random.default_rng([seed, 33])
    parts = []
    for items in alphabets:
        transition = random_chains(items, chains // len(alphabets), rng)
        h, start = chain_entropies(transition)
        frame = {"items": np.full(len(h), items), "h": h, "start": start, "holds": margin(h, start, n) >= 1}
        parts.append(pl.DataFrame(frame).filter(transition.max(axis=(1, 2)) <= np.exp(-np.sqrt(LN2))))
    return pl.concat(parts)


def structured_study(alphabets: Sequence[int], steps: int = 25) -> pl.DataFrame:
    """Entropies of chains known without a matrix, for any alphabet: ``family, items, h, start`` (nats).

    ``cycle``: `cycle_rows`, ε from 1e-4 to 1. ``successors``: b equally likely ones (`markov.sample_regular`),
    b from 2 to A. ``independent``: items of Zipf popularity, exponents from 0 to 4.
    """
    rows = []
    for items in alphabets:
        uniform = float(np.log(items))
        for epsilon in np.geomspace(1e-4, 1, steps):
            rows.append(("cycle", items, cycle_rate(items, epsilon), uniform))
        for b in np.unique(np.rint(np.geomspace(2, items, steps)).astype(int)):
            rows.append(("successors", items, float(np.log(b)), uniform))
        for exponent in np.linspace(0, 4, steps):
            h = float(entr(zipf(items, exponent)).sum())
            rows.append(("independent", items, h, h))
    return pl.DataFrame(rows, schema=["family", "items", "h", "start"], orient="row")


def judged(chains: pl.DataFrame, lengths: Sequence[int], units: str = AS_PRINTED) -> pl.DataFrame:
    """Every chain with every n: adds ``n, margin, holds`` (both sides of (12)) and ``predicted`` (`boundary`)."""
    cases = chains.join(pl.DataFrame({"n": list(lengths)}), how="cross")
    h, start, n = (cases[c].to_numpy() for c in ("h", "start", "n"))
    ratio = margin(h, start, n, units)
    return cases.with_columns(margin=ratio, holds=ratio >= 1, predicted=h >= boundary(n, start, units))


# --- the proof ---------------------------------------------------------------------------------------------------

STEPS = (
    "(17) h ≥ mean length / S_max",
    "(18) H₂(S) ≥ S_max",
    "(19) Σπp ln(1/p) ≥ Σπp",
    "(20) Σπp ≥ mean length / S_max",
    "(21) first ≥",
    "(21) second ≥",
    "(21) 2 ln 2 Σ(1 − p) ≥ S_max",
    "(12) itself",
)


def proof_steps(items: int, rates: Sequence[float], lengths: Sequence[int]) -> pl.DataFrame:
    """Each step of the proof for users of n = S_max events of `cycle_rows`, all sequences counted.

    Returns:
        ``h, n, step`` (of `STEPS`), ``left, right`` (ln of the number of sequences grows with n, so `right` of the
        second ≥ of (21) may be ∞) and ``holds``.
    """
    rows = []
    for h in rates:
        epsilon = epsilon_of(items, h)
        for n in lengths:
            weight, log_p = cycle_sequences(items, epsilon, n)
            p = np.exp(log_p)
            bits = float(-(weight @ log_p)) / LN2
            tangent = LN2 * float(weight @ (2 * (1 - p) / (1 + p)))
            with np.errstate(over="ignore"):
                others = 2 * LN2 * float(np.expm1(n * np.log(items)))  # Σ (1 − p) over all A^n sequences
            sides = [(h, 1.0), (bits, n), (h, 1.0), (1.0, 1.0), (bits, tangent), (tangent, others), (others, n)]
            sides.append((bits, n / h))
            rows += [(h, n, step, left, float(right)) for step, (left, right) in zip(STEPS, sides, strict=True)]
    frame = pl.DataFrame(rows, schema=["h", "n", "step", "left", "right"], orient="row")
    return frame.with_columns(holds=pl.col("left") >= pl.col("right") * (1 - 1e-12))


def hedge(alphabets: Sequence[int]) -> pl.DataFrame:
    """How random a cycle must be for (12): ``items, epsilon`` at which its rate is √ln 2 (null below 3 items)."""
    h = np.sqrt(LN2)
    rows = [{"items": a, "epsilon": epsilon_of(a, h) if np.log(a) > h else None} for a in alphabets]
    return pl.DataFrame(rows, schema_overrides={"epsilon": pl.Float64})


def table2_bounds() -> pl.DataFrame:
    """Rows of Table 2 against what any code needs. Items are those of `srlaw.datasets.REGISTRY`; null where unknown.

    Returns:
        ``dataset, s_max, items, bound`` (tokens/ApEn per event, as printed), ``bound_corrected`` (tokens exchanged
        back), ``fixed`` (log₂ items), ``enough`` (with log₂ S_max bits a history for its length), ``apen``,
        ``mean_length`` and ``fill``, mean length / S_max, which (17) wants below ApEn.
    """
    per_event = (pl.col("tokens_over_apen") / pl.col("tokens")).alias("bound")
    keys = ["dataset", "s_max"]
    right = paper.table(2, corrected=True).select(*keys, per_event.alias("bound_corrected"))
    known = {name: dataset.items for name, dataset in REGISTRY.items()}
    items = pl.col("dataset").replace_strict(known, default=None, return_dtype=pl.Int64).alias("items")
    fill = (pl.col("mean_length") / pl.col("s_max")).alias("fill")
    rows = paper.table(2).select(*keys, items, per_event, "apen", "mean_length", fill)
    rows = rows.join(right, on=keys, maintain_order="left").with_columns(fixed=pl.col("items").log(2))
    return rows.with_columns(enough=pl.col("fixed") + pl.col("s_max").log(2) / pl.col("mean_length"))


def sum_over_users(users: int, tokens: int, s_max: int, apen: float) -> dict[str, float]:
    """(18) and (12) if the s_i are the sequences of the |U| users themselves, each with p(s_i) ≥ 1/|U|. Bits.

    Returns:
        ``entropy``, log₂ |U|, the most that H₂(S) can be; ``s_max``, what (18) asks of it; and ``left``, |U|·H₂(S) at
        most, and ``right``, tokens/ApEn, the two sides of (12).
    """
    bits = float(np.log2(users))
    return {"entropy": bits, "s_max": s_max, "left": users * bits, "right": tokens / apen}
