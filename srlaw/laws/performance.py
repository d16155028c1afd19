"""Eq. (7) in its readings: one p per term, one p for both terms, the authors' published code, several panels.

Within one panel (one data set at one S_max) D′ is constant, so log D′ + p2/D′^w5 and any additive constant
are a single parameter, b. The two-term family {1, ln x, x^−w} is the same for every reading with its own p
per term; sharing a p ties the terms together, differently in Eq. (7) and in the code:

    performance          w1 (ln N + p_n N^−w3) + w2 (ln d + p_d d^−w4)        p_n, p_d free
    performance-shared   p_n = p_d                                            as Eq. (7) is printed
    performance-code     p_n w3 = p_d w4 = 1/p                                as the authors' script is written

(The script's w is −w1/w3 of Eq. (7).) As w → 0 with w² p held, each term becomes quadratic in ln x, so the
log-quadratic law lies in the closure of `performance`.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import lambertw

from srlaw.errors import InputError
from srlaw.laws.forms import Law, assemble, bend, decay, gradient

EXPONENT = 10.0  # exponents are searched in ± this: 8^−10 is already a step at the smallest depth
FREE = (-math.inf, math.inf)
FINE = np.array([-10, -7, -5, -3.5, -2.5, -1.75, -1.2, -0.8, -0.4, 0, 0.4, 0.8, 1.2, 1.75, 2.5, 3.5, 5, 7, 10.0])
COARSE = np.array([-10, -5, -2.8, -1.7, -1, -0.5, -0.2, -0.05, 0.05, 0.2, 0.5, 1, 1.7, 2.8, 5, 10.0])
NEAR = np.array([0.5, 0.75, 1, 1.25, 1.5])  # of the mean logarithm of a size
_K = np.array([0.1, 0.4, 0.8, 1.3, 1.8, 2.4, 3, 4, 5.5, 8])
TAU = np.concatenate([-_K[::-1], [0.0], _K])


class Performance(Law):
    """Eq. (7) in one panel, one p per term: b + w1 (ln N + p_n N^−w3) + w2 (ln d + p_d d^−w4)."""

    name = "performance"
    arguments = ("n_layers", "d_emb")
    parameters = ("b", "w1", "p_n", "w3", "w2", "p_d", "w4")
    search = ("w3", "w4")
    grid = (FINE, FINE)
    vanishing = ("w3", "w4")
    exchange = (1, 0)

    def basis(self, theta, u, centre):
        (n, dn), (d, dd) = (bend(theta[:, [j]], u[arg]) for j, arg in enumerate(("n_layers", "d_emb")))
        return assemble([np.ones_like(n), u["n_layers"], n, u["d_emb"], d], {(0, 2): dn, (1, 4): dd}, theta)

    def named(self, theta, coef, centre):
        out = {"b": coef[:, 0]}
        terms = (("n_layers", "w1", "p_n", "w3"), ("d_emb", "w2", "p_d", "w4"))
        with np.errstate(all="ignore"):
            for j, (arg, slope, ratio, exponent) in enumerate(terms):
                w, m, straight, bent = theta[:, j], centre[arg], coef[:, 2 * j + 1], coef[:, 2 * j + 2]
                out[slope] = straight + bent / w
                out[ratio] = bent * np.exp(w * m) / w**2 / out[slope]
                out[exponent] = w
                out["b"] = out["b"] - straight * m - bent * (1 + w * m) / w**2
        return {name: out[name] for name in Performance.parameters}

    def predict(self, params, x):
        n, d, p = x["n_layers"], x["d_emb"], params
        depth = p["w1"] * (np.log(n) + p["p_n"] * np.power(n, -p["w3"]))
        return p["b"] + depth + p["w2"] * (np.log(d) + p["p_d"] * np.power(d, -p["w4"]))

    def jacobian(self, params, x):
        p, ln, ld = params, np.log(x["n_layers"]), np.log(x["d_emb"])
        n, d = np.exp(-p["w3"] * ln), np.exp(-p["w4"] * ld)
        return gradient(
            np.ones_like(n),
            ln + p["p_n"] * n,
            p["w1"] * n,
            -p["w1"] * p["p_n"] * n * ln,
            ld + p["p_d"] * d,
            p["w2"] * d,
            -p["w2"] * p["p_d"] * d * ld,
        )


class PerformanceJoint(Performance):
    """Eq. (7) over several panels: `performance` + ln D′ + p2 D′^−w5, D′ = `tokens_over_apen`.

    The coefficient of ln D′ is 1, as printed. Three distinct D′ are met exactly by b, p2 and w5, without a
    test of the data term; two leave them unidentified (status "flat").
    """

    name = "performance-joint"
    arguments = ("n_layers", "d_emb", "tokens_over_apen")
    parameters = (*Performance.parameters, "p2", "w5")
    search = ("w3", "w4", "w5")
    grid = (COARSE, COARSE, COARSE)
    vanishing = ("w3", "w4", "w5")
    exchange = (1, 0, 2)

    def offset(self, x):
        return np.log(x["tokens_over_apen"])

    def basis(self, theta, u, centre):
        phi, dphi = super().basis(theta, u, centre)
        column, slope = decay(theta[:, [2]], u["tokens_over_apen"])
        phi = np.concatenate([phi, column[..., None]], -1)
        dphi = np.concatenate([dphi, np.zeros((*dphi.shape[:-1], 1))], -1)
        dphi[:, 2, :, -1] = slope
        return phi, dphi

    def named(self, theta, coef, centre):
        out, w5 = super().named(theta, coef, centre), theta[:, 2]
        with np.errstate(all="ignore"):
            out["b"] = out["b"] - coef[:, 5] / w5
            return {**out, "p2": coef[:, 5] / w5 * np.exp(w5 * centre["tokens_over_apen"]), "w5": w5}

    def predict(self, params, x):
        d_prime = x["tokens_over_apen"]
        data = np.log(d_prime) + params["p2"] * np.power(d_prime, -params["w5"])
        return super().predict(params, x) + data

    def jacobian(self, params, x):
        ln = np.log(x["tokens_over_apen"])
        power = np.exp(-params["w5"] * ln)
        shape = super().jacobian(params, x)
        data = np.broadcast_to(gradient(power, -params["p2"] * power * ln), (*shape.shape[:-1], 2))
        return np.concatenate([shape, data], -1)


class PerformanceShared(Law):
    """Eq. (7) in one panel as printed: b + w1 (ln N + p1 N^−w3) + w2 (ln d + p1 d^−w4).

    One term, the pivot, is searched through its exponent w and k, slope over curvature at the centre of the
    data, as k u + bend(w, u), which stays regular as w → 0 and p1 → ∞. Its p1 then fixes the other term,
    r u + w′ decay(w′, u). Either term may be the pivot: both are searched. A `held` p1 fixes both terms.
    """

    name = "performance-shared"
    arguments = ("n_layers", "d_emb")
    parameters = ("b", "w1", "w3", "w2", "w4", "p1")
    search = ("w3", "w4", "p1")
    grid = (COARSE, COARSE, TAU)
    vanishing = ("w3", "w4")

    def __init__(self, held: float | None = None, pivot: int = 0):
        if held == 0:
            raise InputError(f"{self.name} cannot hold {self.parameters[-1]} at 0; give another number")
        self.held, self.pivot = held, pivot
        if held is not None:
            self.search, self.grid = ("w3", "w4"), (FINE, FINE)

    @property
    def bounds(self):
        box = {name: (-EXPONENT, EXPONENT) if name in self.vanishing else FREE for name in self.parameters}
        return box if self.held is None else {**box, self.parameters[-1]: (self.held, self.held)}

    def charts(self):
        return [self] if self.held is not None else [type(self)(pivot=0), type(self)(pivot=1)]

    def hold(self, fixed):
        p, others = self.parameters[-1], dict(fixed)
        return (type(self)(held=float(others.pop(p))), others) if p in fixed else (self, others)

    def _inverse(self, w, k):
        """1/p1 in units of e^{−wm} from the pivot's coordinates, and its derivatives by w and k."""
        return w * (1 + k * w), 1 + 2 * k * w, w**2

    def _fall(self, w, u):
        """The decaying part of a term beside r u, and its derivative by w."""
        fall, slope = decay(w, u)
        return w * fall, fall + w * slope

    def _held_inverse(self, held):
        return 1 / held

    def points(self, axes, centre):
        """With p1 held also exponents whose term turns near the centre: their basin is too narrow for `FINE`."""
        if self.held is not None:
            pairs = zip(axes, self.arguments, strict=True)
            axes = tuple(np.union1d(x, self._turning(self.held, centre[arg])) if len(x) > 1 else x for x, arg in pairs)
        return super().points(axes, centre)

    def _turning(self, held, middle):
        """Exponents w of terms that turn at logarithms about `middle`, where p1 w e^−w ln x is 1."""
        at = NEAR * middle
        at = at[(at > 0) & (at <= held / math.e)]
        found = np.concatenate([-lambertw(-at / held, branch).real / at for branch in (0, -1)])
        return found[found <= EXPONENT]

    def _straight(self, theta, centre):
        """r of each term ``(R, 2)``, its derivatives ``(R, q, 2)``; the pivot's r is used only if p1 is held."""
        m = np.array([centre[arg] for arg in self.arguments])
        slope = np.zeros((len(theta), theta.shape[1], 2))
        if self.held is not None:
            r = self._held_inverse(self.held) * np.exp(theta * m)
            slope[:, [0, 1], [0, 1]] = m * r
            return r, slope
        i, j = self.pivot, 1 - self.pivot
        k = np.sinh(theta[:, 2])
        inverse, by_w, by_k = self._inverse(theta[:, i], k)
        unit = np.exp(theta[:, j] * m[j] - theta[:, i] * m[i])
        slope[:, i, j] = (by_w - m[i] * inverse) * unit
        slope[:, j, j] = m[j] * inverse * unit
        slope[:, 2, j] = by_k * np.cosh(theta[:, 2]) * unit
        r = np.ones((len(theta), 2))
        r[:, j] = inverse * unit
        return r, slope

    def basis(self, theta, u, centre):
        columns, derivatives = [np.ones_like(u["d_emb"])], {}
        r, slope = self._straight(theta, centre)
        for j, arg in enumerate(self.arguments):
            w = theta[:, [j]]
            if self.held is None and j == self.pivot:
                k, (bent, by_w) = np.sinh(theta[:, [2]]), bend(w, u[arg])
                scale = 1 + np.abs(k)  # columns of order 1: scaling one does not change the projection
                columns.append((k * u[arg] + bent) / scale)
                derivatives[j, j + 1] = by_w / scale
                derivatives[2, j + 1] = np.cosh(theta[:, [2]]) * u[arg] / scale
                continue
            fall, by_w = self._fall(w, u[arg])
            scale = 1 + np.abs(r[:, [j]])
            columns.append((r[:, [j]] * u[arg] + fall) / scale)
            for i in range(theta.shape[1]):
                derivatives[i, j + 1] = (slope[:, i, [j]] * u[arg] + (by_w if i == j else 0)) / scale
        return assemble(columns, derivatives, theta)

    def _unfold(self, theta, coef, centre):
        """Constant, slopes of ln N and ln d, and coefficients of N^−w3 and d^−w4."""
        r, _ = self._straight(theta, centre)
        constant, slopes, powers = coef[:, 0], [], []
        for j, arg in enumerate(self.arguments):
            w, m = theta[:, j], centre[arg]
            if self.held is None and j == self.pivot:
                k = np.sinh(theta[:, 2])
                size = coef[:, j + 1] / (1 + np.abs(k))
                straight, power = size * (k + 1 / w), size / w**2
            else:
                size = coef[:, j + 1] / (1 + np.abs(r[:, j]))
                straight, power = size * r[:, j], size * self._power(w)
            constant = constant - straight * m - power
            slopes.append(straight)
            powers.append(power * np.exp(w * m))
        return constant, slopes, powers

    def _power(self, w):
        return 1.0

    def named(self, theta, coef, centre):
        with np.errstate(all="ignore"):
            b, slopes, powers = self._unfold(theta, coef, centre)
            p1 = np.full(len(b), self.held) if self.held is not None else powers[self.pivot] / slopes[self.pivot]
        return dict(zip(self.parameters, (b, slopes[0], theta[:, 0], slopes[1], theta[:, 1], p1), strict=True))

    def predict(self, params, x):
        n, d, p = x["n_layers"], x["d_emb"], params
        depth = p["w1"] * (np.log(n) + p["p1"] * np.power(n, -p["w3"]))
        return p["b"] + depth + p["w2"] * (np.log(d) + p["p1"] * np.power(d, -p["w4"]))

    def jacobian(self, params, x):
        p, ln, ld = params, np.log(x["n_layers"]), np.log(x["d_emb"])
        n, d = np.exp(-p["w3"] * ln), np.exp(-p["w4"] * ld)
        return gradient(
            np.ones_like(n),
            ln + p["p1"] * n,
            -p["w1"] * p["p1"] * n * ln,
            ld + p["p1"] * d,
            -p["w2"] * p["p1"] * d * ld,
            p["w1"] * n + p["w2"] * d,
        )


class PerformanceCode(PerformanceShared):
    """The authors' script: b + w1 (−1/(p N^w3) − w3 ln N) + w2 (−1/(p d^w4) − w4 ln d).

    The script holds one p (its ``pf1``) in both terms and sets it by hand, to 2 as published; here it is
    fitted, or `held`. Its D′ terms are part of b. With a p per term the law would be `performance` again.
    """

    name = "performance-code"
    parameters = ("b", "w1", "w3", "w2", "w4", "p")
    search = ("w3", "w4", "p")

    def _inverse(self, w, k):
        """p in units of e^{−wm}."""
        return 1 + k * w, k, w

    def _fall(self, w, u):
        return decay(w, u)

    def _held_inverse(self, held):
        return held

    def _turning(self, held, middle):
        """None are needed: a term turns where e^−w ln x is p, and `FINE` is near such w."""
        return np.empty(0)

    def _power(self, w):
        return 1 / w

    def named(self, theta, coef, centre):
        with np.errstate(all="ignore"):
            b, slopes, powers = self._unfold(theta, coef, centre)
            w1, w2 = -slopes[0] / theta[:, 0], -slopes[1] / theta[:, 1]
            p = -(w1, w2)[self.pivot] / powers[self.pivot]
            p = p if self.held is None else np.full(len(b), self.held)
        return dict(zip(self.parameters, (b, w1, theta[:, 0], w2, theta[:, 1], p), strict=True))

    def predict(self, params, x):
        n, d, p = x["n_layers"], x["d_emb"], params
        depth = p["w1"] * (-np.power(n, -p["w3"]) / p["p"] - p["w3"] * np.log(n))
        return p["b"] + depth + p["w2"] * (-np.power(d, -p["w4"]) / p["p"] - p["w4"] * np.log(d))

    def jacobian(self, params, x):
        p, ln, ld = params, np.log(x["n_layers"]), np.log(x["d_emb"])
        n, d = np.exp(-p["w3"] * ln) / p["p"], np.exp(-p["w4"] * ld) / p["p"]
        return gradient(
            np.ones_like(n),
            -n - p["w3"] * ln,
            p["w1"] * ln * (n - 1),
            -d - p["w4"] * ld,
            p["w2"] * ld * (d - 1),
            (p["w1"] * n + p["w2"] * d) / p["p"],
        )
