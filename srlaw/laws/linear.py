"""Laws that are linear in all their parameters: nothing to search, and all of statsmodels' tests to use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from srlaw.errors import InputError
from srlaw.laws.forms import Law, assemble, gradient

if TYPE_CHECKING:  # statsmodels takes a second to import, and fitting does not need it
    from statsmodels.regression.linear_model import RegressionResultsWrapper

    from srlaw.laws.fitting import Fit


class LogLinear(Law):
    """b + c1 ln N + c2 ln d: a plane in logs, which rises or falls for ever."""

    name = "log-linear"
    arguments = ("n_layers", "d_emb")
    parameters = ("b", "c1", "c2")

    def basis(self, theta, u, centre):
        return assemble([np.ones_like(u["d_emb"]), u["n_layers"], u["d_emb"]], {}, theta)

    def named(self, theta, coef, centre):
        b, c1, c2 = coef.T
        return {"b": b - c1 * centre["n_layers"] - c2 * centre["d_emb"], "c1": c1, "c2": c2}

    def predict(self, params, x):
        return params["b"] + params["c1"] * np.log(x["n_layers"]) + params["c2"] * np.log(x["d_emb"])

    def jacobian(self, params, x):
        return gradient(np.ones_like(params["b"]), np.log(x["n_layers"]), np.log(x["d_emb"]))


class LogQuadratic(Law):
    """b + c1 ln N + c2 (ln N)² + c3 ln d + c4 (ln d)²: linear, five coefficients."""

    name = "log-quadratic"
    arguments = ("n_layers", "d_emb")
    parameters = ("b", "c1", "c2", "c3", "c4")

    def _columns(self, ln, ld):
        return [np.ones_like(ln + ld), ln, ln**2, ld, ld**2]

    def basis(self, theta, u, centre):
        return assemble(self._columns(u["n_layers"], u["d_emb"]), {}, theta)

    def named(self, theta, coef, centre):
        b, c1, c2, c3, c4, *c5 = coef.T
        m, k = centre["n_layers"], centre["d_emb"]
        cross = c5[0] if c5 else 0.0
        values = (
            b - c1 * m + c2 * m**2 - c3 * k + c4 * k**2 + cross * m * k,
            c1 - 2 * c2 * m - cross * k,
            c2,
            c3 - 2 * c4 * k - cross * m,
            c4,
            *c5,
        )
        return dict(zip(self.parameters, values, strict=True))

    def predict(self, params, x):
        columns = self._columns(np.log(x["n_layers"]), np.log(x["d_emb"]))
        return sum(params[name] * column for name, column in zip(self.parameters, columns, strict=True))

    def jacobian(self, params, x):
        columns = self._columns(np.log(x["n_layers"]), np.log(x["d_emb"]))
        return gradient(*[column + 0 * np.asarray(params["b"]) for column in columns])


class LogQuadraticInteraction(LogQuadratic):
    """The log-quadratic law plus c5 ln N · ln d: linear, six coefficients."""

    name = "log-quadratic-interaction"
    parameters = (*LogQuadratic.parameters, "c5")

    def _columns(self, ln, ld):
        return [*super()._columns(ln, ld), ln * ld]


class LinearLoss(Law):
    """Performance = a − k · loss; the paper assumes a = 1 (before Eq. (7))."""

    name = "linear-loss"
    arguments = ("loss",)
    parameters = ("a", "k")

    def coordinates(self, x):
        return {"loss": np.asarray(x["loss"], float)}

    def basis(self, theta, u, centre):
        return assemble([np.ones_like(u["loss"]), -u["loss"]], {}, theta)

    def named(self, theta, coef, centre):
        return {"a": coef[:, 0] + coef[:, 1] * centre["loss"], "k": coef[:, 1]}

    def predict(self, params, x):
        return params["a"] - params["k"] * x["loss"]

    def jacobian(self, params, x):
        loss = x["loss"] + 0 * np.asarray(params["k"])
        return gradient(np.ones_like(loss), -loss)


def ols(result: Fit, covariance: Literal["nonrobust", "HC3"] = "nonrobust") -> RegressionResultsWrapper:
    """The fit of a linear law as statsmodels' results, for what they know: intervals, tests, influence.

    Args:
        result: a fit of a law of this module. covariance: of the estimates; ``"nonrobust"`` for equal variances
            (Student's intervals), ``"HC3"`` for variances that differ from point to point.

    Returns:
        results whose ``params``, ``bse``, ``conf_int()`` are in the order of ``result.law.parameters``.

    Raises:
        InputError: a law that is not linear, parameters that the data do not identify, or no point to spare.
    """
    import statsmodels.api as sm

    law = result.law
    if law.search or not law.separable or result.huber is not None:
        raise InputError(f"ols is for fits of linear laws, and {law.name} is not linear in its parameters")
    if result.status != "ok":
        raise InputError(f"ols needs a fit with status ok, and this one of {law.name} is {result.status}")
    design = law.jacobian(result.params, result.x)
    weights: dict[str, Any] = {} if result.weights is None else {"weights": result.weights}
    model = sm.WLS(result.y, design, **weights) if weights else sm.OLS(result.y, design)
    names: Any = model.exog_names
    names[:] = law.parameters
    return model.fit(cov_type=covariance, use_t=True)


def nested_f(small: Fit, large: Fit) -> tuple[float, float, int]:
    """F test of a linear law against one that contains it, on the same points: (F, p, coefficients more).

    Raises:
        InputError: other points, or as `ols`.
    """
    if not (len(small.y) == len(large.y) and (small.y == large.y).all()):
        raise InputError("an F test needs two fits to the same points")
    f, p, more = ols(large).compare_f_test(ols(small))
    return float(f), float(p), int(more)
