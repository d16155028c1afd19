"""The protocol of a law, the functions its basis is built from, and the power laws.

Every law is linear in some coefficients once its *search* parameters θ (mostly exponents) are fixed:
response = offset + Φ(θ) c. The fitter (`srlaw.laws.project`) searches θ only and solves c exactly. Φ is
written in centred logarithms u = ln x − mean ln x and in functions that stay independent as an exponent
vanishes, so the fit is as well-conditioned at w = 0, where x^−w, ln x and 1 become collinear, as anywhere:

    (e^{−wu} − 1 + wu) / w²  →  u²/2        the Performance Law becomes log-quadratic
    (e^{−αu} − 1) / α        →  −u          a power law becomes logarithmic

Shapes: θ is ``(R, q)`` and coefficients ``(R, k)`` for R fits at once, Φ ``(R, n, k)``, ∂Φ/∂θ ``(R, q, n, k)``.
Parameters are dicts of name → number or array that broadcasts against the arguments. Logs are natural.
"""

from __future__ import annotations

import math
from functools import lru_cache
from types import ModuleType

import numpy as np

from srlaw.errors import InputError

SMALLEST_EXPONENT = 1e-4  # an exponent closer to 0 is reported here, with status "degenerate-limit"
POSITIVE = np.array([SMALLEST_EXPONENT, 0.1, 0.2, 0.3, 0.4, 0.55, 0.7, 0.9, 1.2, 1.6, 2.2, 3, 4.5, 7, 10.0])


_SERIES = {
    order: np.array(
        [(1 / math.factorial(j + order), -(j + 1) / math.factorial(j + 1 + order)) for j in range(13, -1, -1)]
    )
    for order in (1, 2)
}
"""Coefficients of g and of g′ of `exp_tail` by order, highest power first: ``(14, 2)``."""


def exp_tail(order: int, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """g(s) = Σ_j (−s)^j / (j + order)! and g′(s), for order 1 or 2, accurate near 0.

    Order 1 is (1 − e^−s)/s, order 2 is (e^−s − 1 + s)/s².
    """
    from srlaw.laws.kernel import tails  # numba takes a second to import, which only who fits needs

    s = np.asarray(s, dtype=float)
    g, slope = tails(order, np.ravel(s), _SERIES[order])
    return g.reshape(s.shape), slope.reshape(s.shape)


def _tail(order: int, w: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`exp_tail` of w u, w ``(R, 1)`` and u ``(n,)``, of which a panel has few values: each is looked at once."""
    values, back = _distinct(u.tobytes())
    if 2 * len(values) > u.size:
        return exp_tail(order, w * u)
    g, slope = exp_tail(order, w * values)
    return g[..., back], slope[..., back]


@lru_cache(maxsize=64)
def _distinct(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values of an array of floats, and which of them stands at each place."""
    return np.unique(np.frombuffer(content), return_inverse=True)


def bend(w: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(e^{−wu} − 1 + wu)/w² and its derivative by w; u²/2 at w = 0."""
    g, slope = _tail(2, w, u)
    return u**2 * g, u**3 * slope


def decay(w: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(e^{−wu} − 1)/w and its derivative by w; −u at w = 0."""
    g, slope = _tail(1, w, u)
    return -u * g, -(u**2) * slope


def assemble(columns: list, derivatives: dict[tuple[int, int], np.ndarray], theta: np.ndarray):
    """Stack basis columns, each ``(R, n)`` or ``(n,)``, and place their derivatives by (θ index, column)."""
    shape = (len(theta), np.shape(columns[-1])[-1])
    phi = np.stack([np.broadcast_to(c, shape) for c in columns], -1)
    dphi = np.zeros((shape[0], theta.shape[1], *phi.shape[1:]))
    for (coordinate, column), values in derivatives.items():
        dphi[:, coordinate, :, column] = values
    return phi, dphi


def gradient(*parts) -> np.ndarray:
    """Derivatives by one parameter each, stacked on a last axis."""
    return np.stack(np.broadcast_arrays(*parts), -1)


class Law:
    """What every law has; the docstring of each gives its equation.

    A law needs the first three attributes and `predict`, and bounds where a parameter has them:

        class Saturating(Law):
            name, arguments, parameters = "saturating", ("tokens",), ("top", "rate")
            bounds = {"rate": (0.0, 10.0)}

            def predict(self, params, x):
                return params["top"] * -np.expm1(-params["rate"] * x["tokens"])

    It is fitted by `srlaw.laws.general`. One that is linear but for a few search parameters θ can give `search`,
    `grid`, `basis`, `named` and an analytic `jacobian` too, and is fitted by `srlaw.laws.project`, a hundred times
    faster.

    Attributes:
        name: as in ``srlaw fit --law``.
        arguments: columns it needs, by their default names.
        parameters: the names in its equation, in order.
        bounds: (low, high) by parameter; free where not given.
        starts: parameters, by name, from which the general search starts besides its own draws.
        search: the nonlinear parameters behind θ, one name per coordinate (all, for a law of `predict` alone).
        grid: one array per coordinate of θ: where the search starts; its ends are the bounds of θ.
        vanishing: exponents whose limit 0 is a logarithm (status "degenerate-limit").
        exchange: the order of θ's coordinates after the law's two terms changed places, where they are alike.
        engine: a module with a search of its own (see `srlaw.laws.problem`); None for one of the two common ones.
        delta: δ of the Huber loss, of a law whose engine is `srlaw.laws.huber`.
        loose: gradient test above which a fit is "not-converged".
    """

    name: str
    arguments: tuple[str, ...]
    parameters: tuple[str, ...]
    starts: tuple[dict[str, float], ...] = ()
    search: tuple[str, ...] = ()
    grid: tuple[np.ndarray, ...] = ()
    vanishing: tuple[str, ...] = ()
    exchange: tuple[int, ...] | None = None
    engine: ModuleType | None = None
    delta: float
    loose: float = 1e-4

    def __init_subclass__(cls) -> None:
        if cls.basis is Law.basis:  # a law of `predict` alone: all its parameters are searched, within its bounds
            given = cls.bounds if isinstance(cls.bounds, dict) else {}
            unknown = set(given) - set(cls.parameters)
            if unknown:
                raise InputError(f"{cls.name} has bounds for {min(unknown)!r}, and the parameters {cls.parameters}")
            box = {name: given.get(name, (-math.inf, math.inf)) for name in cls.parameters}
            cls.bounds = box  # pyright: ignore[reportAttributeAccessIssue]  # it takes the place of the property
            cls.search, cls.grid = cls.parameters, tuple(np.array(box[name], float) for name in cls.parameters)

    def __repr__(self) -> str:
        return f"<law {self.name}>"

    @property
    def separable(self) -> bool:
        """Whether the law gives a basis in which it is linear but for θ."""
        return type(self).basis is not Law.basis

    @property
    def positive(self) -> tuple[str, ...]:
        """Arguments that must be above 0, since the law's coordinates are their logs."""
        return self.arguments if self.separable and type(self).coordinates is Law.coordinates else ()

    def robust(self, delta: float) -> Law:
        """The law in the form whose search minimises a Huber loss of log residuals, where it has one."""
        raise InputError(f"huber is for the law chinchilla (log residuals of positive terms), not for {self.name}")

    @property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """Bounds by parameter name; those that are solved for, not searched, are free."""
        box = dict.fromkeys(self.parameters, (-math.inf, math.inf))
        for name, values in zip(self.search, self.grid, strict=True):
            box[name] = (self.from_theta(name, values[0]), self.from_theta(name, values[-1]))
        return box

    def to_theta(self, name: str, value: float) -> float:
        """The search coordinate of a named search parameter."""
        return value

    def from_theta(self, name: str, value: float) -> float:
        return float(value)

    def charts(self) -> list[Law]:
        """The same law in the coordinates θ in which to search; the best result of all is taken."""
        return [self]

    def hold(self, fixed: dict) -> tuple[Law, dict]:
        """The law with fixed parameters that are not coordinates of θ built in, and the other fixed ones."""
        return self, dict(fixed)

    def coordinates(self, x: dict) -> dict[str, np.ndarray]:
        """What a separable law's basis is built from, once centred: ln of each argument; else the arguments."""
        kind = np.log if self.separable else np.asarray
        return {name: kind(np.asarray(x[name], float)) for name in self.arguments}

    def offset(self, x: dict) -> np.ndarray | float:
        """The part of the response without parameters."""
        return 0.0

    def points(self, axes: tuple, centre: dict) -> np.ndarray:
        """Where the search of a separable law starts: an array of θ, ``(len(axis), …, alternatives, q)``."""
        if not self.separable:
            return np.empty((0, len(axes)))
        mesh = np.meshgrid(*axes, [0.0], indexing="ij")
        return np.stack(mesh, -1)[..., :-1]

    def basis(self, theta: np.ndarray, u: dict, centre: dict) -> tuple[np.ndarray, np.ndarray | None]:
        """Φ ``(R, n, k)`` and ∂Φ/∂θ ``(R, q, n, k)`` at θ ``(R, q)``, u the centred coordinates ``(n,)``.

        Of a law of `predict` alone: the law itself, one column with the coefficient 1, and no derivative.
        """
        rows = [self.predict(dict(zip(self.parameters, map(float, row), strict=True)), u) for row in theta]
        return np.stack(rows)[..., None], None

    def named(self, theta: np.ndarray, coef: np.ndarray, centre: dict) -> dict[str, np.ndarray]:
        """The law's own parameters, each ``(R,)``, from search coordinates and coefficients."""
        return dict(zip(self.parameters, theta.T, strict=True))

    def predict(self, params: dict, x: dict) -> np.ndarray:
        """Response at the arguments `x`, by numpy's operations: parameters may be arrays that broadcast."""
        raise NotImplementedError

    def jacobian(self, params: dict, x: dict) -> np.ndarray:
        """∂ predict / ∂ parameters: shape of the response plus a last axis over `parameters`.

        Here by differences of fourth order, within the bounds; a law with formulas for them overrides it.
        """
        out = []
        for name in self.parameters:
            value, (low, high) = params[name], self.bounds[name]
            step = 1e-3 * max(abs(value), 1e-2)
            inside = min(step, (value - low) / 2, (high - value) / 2)
            if inside > step / 50:
                nodes, weights, step = (-2, -1, 1, 2), (1, -8, 8, -1), inside
            else:  # beside a bound: one-sided, away from it
                step = 1e-2 * step * (1 if value - low < high - value else -1)
                nodes, weights = (0, 1, 2, 3, 4), (-25, 48, -36, 16, -3)
            values = [
                w * self.predict({**params, name: value + k * step}, x) for k, w in zip(nodes, weights, strict=True)
            ]
            out.append(sum(values) / (12 * step))
        return gradient(*out)


class Power(Law):
    """The plain scaling law: E + A / N^α + B / d^β, 0 < α, β ≤ 10; performance grows where A and B are < 0."""

    name = "power"
    arguments = ("n_layers", "d_emb")
    parameters = ("E", "A", "B", "alpha", "beta")
    search = ("alpha", "beta")
    grid = (POSITIVE, POSITIVE)
    vanishing = ("alpha", "beta")
    exchange = (1, 0)

    def basis(self, theta, u, centre):
        (n, dn), (d, dd) = (decay(theta[:, [j]], u[arg]) for j, arg in enumerate(self.arguments))
        return assemble([np.ones_like(n), n, d], {(0, 1): dn, (1, 2): dd}, theta)

    def named(self, theta, coef, centre):
        m = np.array([centre[arg] for arg in self.arguments])
        slopes = coef[:, 1:] / theta
        scale = slopes * np.exp(theta * m)
        values = (coef[:, 0] - slopes.sum(1), scale[:, 0], scale[:, 1], theta[:, 0], theta[:, 1])
        return dict(zip(self.parameters, values, strict=True))

    def predict(self, params, x):
        n, d = (x[arg] for arg in self.arguments)
        p = params
        return p["E"] + p["A"] * np.power(n, -p["alpha"]) + p["B"] * np.power(d, -p["beta"])

    def jacobian(self, params, x):
        ln, ld = (np.log(x[arg]) for arg in self.arguments)
        n, d = np.exp(-params["alpha"] * ln), np.exp(-params["beta"] * ld)
        return gradient(np.ones_like(n), n, d, -params["A"] * n * ln, -params["B"] * d * ld)


class Kaplan(Law):
    """Eq. (1): loss = [(N_c / N)^(α_N/α_D) + D_c / D]^α_D, N parameters, D tokens.

    Solved as s [ρ e^{−a u_N} + e^{−u_D}]^α_D with a = α_N/α_D: s is linear; a, ln ρ and α_D are searched.
    """

    name = "kaplan"
    arguments = ("n_params", "tokens")
    parameters = ("n_c", "d_c", "alpha_n", "alpha_d")
    search = ("a", "ln_rho", "alpha_d")
    grid = (
        np.array([0.05, 0.2, 0.4, 0.6, 0.8, 1, 1.3, 1.7, 2.5, 4, 8.0]),
        np.array([-12, -8, -5, -3, -2, -1, 0, 1, 2, 3, 5, 8, 12.0]),
        np.array([0.005, 0.02, 0.05, 0.08, 0.12, 0.2, 0.3, 0.45, 0.7, 1.2, 3.0]),
    )

    @property
    def bounds(self):
        box = dict.fromkeys(self.parameters, (0.0, math.inf))
        return {**box, "alpha_d": (self.grid[2][0], self.grid[2][-1])}

    def basis(self, theta, u, centre):
        a, ln_rho, power = (theta[:, [j]] for j in range(3))
        size, data = ln_rho - a * u["n_params"], -u["tokens"]
        total = np.logaddexp(size, data)
        share = np.exp(size - total)
        column = np.exp(power * total)
        by = (-u["n_params"] * share * power, share * power, total)
        return assemble([column], {(j, 0): column * by[j] for j in range(3)}, theta)

    def named(self, theta, coef, centre):
        a, ln_rho, power = theta.T
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = np.log(coef[:, 0]) / power
            n_c = np.exp((ln_rho + scale) / a + centre["n_params"])
            d_c = np.exp(scale + centre["tokens"])
        return {"n_c": n_c, "d_c": d_c, "alpha_n": a * power, "alpha_d": power}

    def _terms(self, params, x):
        size = params["alpha_n"] / params["alpha_d"] * (np.log(params["n_c"]) - np.log(x["n_params"]))
        return size, np.log(params["d_c"]) - np.log(x["tokens"])

    def predict(self, params, x):
        return np.exp(params["alpha_d"] * np.logaddexp(*self._terms(params, x)))

    def jacobian(self, params, x):
        p = params
        size, data = self._terms(p, x)
        total = np.logaddexp(size, data)
        share, value = np.exp(size - total), np.exp(p["alpha_d"] * total)
        return gradient(
            value * p["alpha_n"] * share / p["n_c"],
            value * p["alpha_d"] * (1 - share) / p["d_c"],
            value * p["alpha_d"] * share * size / p["alpha_n"],
            value * (total - share * size),
        )
