"""Small configurations predict the larger ones: a law fitted to the k smallest, for any k, in one batch."""

from __future__ import annotations

import numpy as np
import polars as pl

from srlaw.errors import InputError
from srlaw.laws.fitting import arguments, check_shapes, column, fit_arrays, fit_many
from srlaw.laws.forms import Law


def size_order(data, size: str | None = None) -> np.ndarray:
    """Row order from the smallest configuration: by column `size`, else by N·d², then N."""
    if size is not None:
        return np.argsort(column(data, size, "size"), kind="stable")
    n, d = (column(data, name, "size") for name in ("n_layers", "d_emb"))
    return np.lexsort((n, n * d**2))


def determined(law: Law, data, k: int) -> bool:
    """Whether the first k points determine the law: the Jacobian at generic parameters has full rank.

    That is a matter of the design alone. Eq. (7) with one p per term needs four depths and four widths, the other laws
    of N and d three of each (with a shared p, four of one).
    """
    x = {name: values[:k] for name, values in arguments(law, data).items()}
    generic = {name: 0.3 + 0.13 * i for i, name in enumerate(law.parameters)}
    jacobian = law.jacobian(generic, x)
    length = np.linalg.norm(jacobian, axis=0)
    if not length.all():  # a parameter that changes nothing, as an exponent of the depth where all depths are 1
        return False
    return np.linalg.matrix_rank(jacobian / length, tol=1e-9) == len(law.parameters)


def forecasts(law: Law, data, y: np.ndarray, sizes: np.ndarray, starts: int = 6) -> np.ndarray:
    """The law fitted to the first k of n points for each row of `y` ``(P, n)``, k of `sizes` ``(K,)``: ``(P, K, n)``.

    Evaluated in the coordinates of the search, where a law at a limit (an exponent near 0) predicts too.
    """
    weights = np.tile((np.arange(y.shape[1]) < np.asarray(sizes)[:, None]).astype(float), (len(y), 1))
    found = fit_many(law, arguments(law, data), np.repeat(y, len(sizes), 0), weights, starts=starts)
    winner = np.argmin([solutions.objective for _, solutions in found], axis=0)
    out = [problem.response(solutions.theta, solutions.coef) for problem, solutions in found]
    return np.stack(out)[winner, np.arange(len(winner))].reshape(len(y), len(sizes), -1)


def holdout(law: Law, data, y: str, k: int, x=None, size: str | None = None, starts: int = 12):
    """Fit the `k` smallest configurations and predict the others.

    Returns:
        the `Fit`, and a frame with one row per point held out: its arguments, ``y``, ``prediction``.

    Raises:
        InputError: as `fit`, and if nothing is left to predict.
    """
    arrays, response = _by_size(law, data, y, x, size)
    if not 0 < k < len(response):
        raise InputError(f"k is {k}; it must be between 1 and {len(response) - 1} for {len(response)} points")
    small = {name: values[:k] for name, values in arrays.items()}
    result = fit_arrays(law, small, response[:k], starts=starts)
    rest = {name: values[k:] for name, values in arrays.items()}
    return result, pl.DataFrame({**rest, "y": response[k:], "prediction": result.predict(rest)})


def expanding(law: Law, data, y: str, x=None, size: str | None = None, starts: int = 12) -> pl.DataFrame:
    """`holdout` for every k that leaves a point out and has as many points as parameters, in one batch.

    Returns:
        one row per k and held-out point: ``k``, the arguments, ``y``, ``prediction``, ``status`` ("ok", or
        "flat" with a null prediction where the k points do not determine the law, e.g. at a single depth).
    """
    arrays, response = _by_size(law, data, y, x, size)
    sizes = np.arange(len(law.parameters), len(response))
    frames = []
    for k, predicted in zip(sizes, forecasts(law, arrays, response[None], sizes, starts)[0], strict=True):
        flat = not determined(law, arrays, int(k))
        shown = pl.Series("prediction", [None] * (len(response) - k) if flat else predicted[k:], pl.Float64)
        rest = {name: values[k:] for name, values in arrays.items()}
        frame = pl.DataFrame({"k": np.full(len(response) - k, k), **rest, "y": response[k:], "prediction": shown})
        frames.append(frame.with_columns(status=pl.lit("flat" if flat else "ok")))
    return pl.concat(frames) if frames else pl.DataFrame()


def _by_size(law: Law, data, y: str, x: dict[str, str] | None, size: str | None):
    """The law's arguments and the response, from the smallest configuration to the largest."""
    arrays, response = arguments(law, data, x), column(data, y, "response")
    check_shapes(arrays, response)
    order = size_order(data, size)
    return {name: values[order] for name, values in arrays.items()}, response[order]
