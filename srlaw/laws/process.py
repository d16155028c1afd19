"""A Gaussian process as the rival of every law: no form of its own, only that near configurations do alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

SCALES = (math.log(0.05), math.log(20.0))  # bounds of ln length, in standard deviations of ln N and ln d
NUGGET = (math.log(1e-4), math.log(1e2))  # and of ln (noise variance / variance of the process)


@dataclass(frozen=True)
class Process:
    """A Gaussian process with a squared-exponential kernel, one length an axis, and noise: mean + s² (K + g I)."""

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray
    noise: float
    variance: float

    def kernel(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * (((a[:, None] - b[None]) / self.lengths) ** 2).sum(2))

    def covariance(self) -> np.ndarray:
        """Of the centred measurements, over s²: ``(n, n)``."""
        return self.kernel(self.x, self.x) + self.noise * np.eye(len(self.x))

    def predict(self, new: np.ndarray) -> np.ndarray:
        """Expected value at new places ``(m, axes)``, given the measurements; far from them, their mean."""
        centred = self.y - self.y.mean()
        return self.y.mean() + self.kernel(new, self.x) @ np.linalg.solve(self.covariance(), centred)

    def posterior(self, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`predict` and the covariance of what it says, without the noise of a new measurement: ``(m,), (m, m)``."""
        across = self.kernel(new, self.x)
        known = across @ np.linalg.solve(self.covariance(), across.T)
        return self.predict(new), self.variance * (self.kernel(new, new) - known)

    def log_likelihood(self) -> float:
        """Of the centred measurements: their density, by scipy."""
        from scipy.stats import multivariate_normal  # slow to import

        centred, covariance = self.y - self.y.mean(), self.variance * self.covariance()
        return float(multivariate_normal.logpdf(centred, cov=covariance))  # pyright: ignore[reportArgumentType]


def gaussian_process(x: np.ndarray, y: np.ndarray, starts: int = 4) -> Process:
    """The process of highest marginal likelihood; s² is solved for, lengths and noise are searched from a grid.

    Args:
        x: places, ``(n, axes)``. y: measurements, ``(n,)``. starts: points of the grid that are polished.
    """
    centred, n = y - y.mean(), len(y)
    gaps = (x[:, None] - x[None]) ** 2
    box = [SCALES] * x.shape[1] + [NUGGET]

    def costs(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """−2 ln likelihood but for a constant, with s² at its best, and its gradient: θ ``(m, axes + 1)``."""
        squared = gaps / np.exp(2 * theta[:, None, None, :-1])
        signal, noise = np.exp(-0.5 * squared.sum(3)), np.exp(theta[:, -1])[:, None, None] * np.eye(n)
        inverse = np.linalg.inv(signal + noise)
        weights = inverse @ centred
        fit = weights @ centred
        slopes = np.stack([*(signal * squared[..., j] for j in range(x.shape[1])), noise], axis=1)
        bent = np.einsum("mi,mjik,mk->mj", weights, slopes, weights)
        gradient = np.einsum("mik,mjik->mj", inverse, slopes) - n * bent / fit[:, None]
        return n * np.log(fit / n) - np.linalg.slogdet(inverse)[1], gradient

    def cost(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = costs(theta[None])
        return float(value[0]), gradient[0]

    axes = [np.linspace(low, high, 7 if j < x.shape[1] else 6) for j, (low, high) in enumerate(box)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    first = grid[np.argsort(costs(grid)[0], kind="stable")[:starts]]
    found = [minimize(cost, start, jac=True, method="L-BFGS-B", bounds=box) for start in first]
    theta = min(found, key=lambda result: result.fun).x
    process = Process(x, y, np.exp(theta[:-1]), float(np.exp(theta[-1])), 1.0)
    variance = float(centred @ np.linalg.solve(process.covariance(), centred) / n)
    return Process(x, y, process.lengths, process.noise, variance)
