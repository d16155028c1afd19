"""The simplified scaling law of loss below Eq. (1), with its two fits: least squares, and Huber of log residuals."""

from __future__ import annotations

import math

import numpy as np

from srlaw.errors import InputError
from srlaw.laws import huber
from srlaw.laws.forms import POSITIVE, Power

SMALLEST = 1e-9  # δ of a Huber loss of log residuals: below it they are rounding


class Chinchilla(Power):
    """The simplified scaling law below Eq. (1): loss = E + A / N^α + B / D^β, N parameters, D tokens."""

    name = "chinchilla"
    arguments = ("n_params", "tokens")

    def robust(self, delta):
        return LogChinchilla(delta)


class LogChinchilla(Chinchilla):
    """`Chinchilla` with positive terms, θ = (ln E, ln of both terms at the centre of the data, α, β).

    Its fit minimises the Huber loss of log residuals with `delta`; see `srlaw.laws.huber`.
    """

    search = ("ln_e", "ln_a", "ln_b", "alpha", "beta")
    grid = (*3 * [np.array([-math.inf, math.inf])], POSITIVE, POSITIVE)
    exchange = (0, 2, 1, 4, 3)
    engine = huber
    loose = 1e-6

    def __init__(self, delta: float):
        if not SMALLEST <= delta <= 1 / SMALLEST:
            raise InputError(f"huber is {delta}; it must be above 0, from {SMALLEST:g} to {1 / SMALLEST:g}")
        self.delta = float(delta)

    def points(self, axes, centre):
        return np.empty((0, len(axes)))

    def basis(self, theta, u, centre):
        return np.exp(huber.log_prediction(theta, *u.values())[0])[..., None], None

    def named(self, theta, coef, centre):
        return huber.named(theta, *centre.values())
