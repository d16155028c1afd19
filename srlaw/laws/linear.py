"""Laws that are linear in all their parameters: nothing to search."""

from __future__ import annotations

import numpy as np

from srlaw.laws.forms import Law, assemble, gradient


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
