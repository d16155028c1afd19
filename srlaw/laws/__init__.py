"""Scaling laws: what they are, and one way to fit, test and maximise them all."""

from srlaw.errors import InputError, quoted
from srlaw.laws.chinchilla import Chinchilla
from srlaw.laws.fitting import STATUSES, Fit, fit, fit_many, fit_tables, merge
from srlaw.laws.forecast import determined, expanding, forecasts, holdout
from srlaw.laws.forms import Kaplan, Law, Power
from srlaw.laws.inference import Bootstrap, bootstrap, leave_one_out, profile
from srlaw.laws.linear import LinearLoss, LogLinear, LogQuadratic, LogQuadraticInteraction
from srlaw.laws.optimum import PANEL_ARGUMENTS, Optimum, optimum
from srlaw.laws.performance import Performance, PerformanceCode, PerformanceJoint, PerformanceShared

__all__ = [
    "LAWS", "PANEL_LAWS", "STATUSES", "Bootstrap", "Chinchilla", "Fit", "Kaplan", "Law", "LinearLoss", "LogLinear",
    "LogQuadratic", "LogQuadraticInteraction", "Optimum", "Performance", "PerformanceCode", "PerformanceJoint",
    "PerformanceShared", "Power", "bootstrap", "determined", "expanding", "fit", "fit_many", "fit_tables", "forecasts",
    "get", "holdout", "leave_one_out", "merge", "optimum", "profile",
]  # fmt: skip

LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        Performance(),
        PerformanceShared(),
        PerformanceCode(),
        PerformanceJoint(),
        Power(),
        LogLinear(),
        LogQuadratic(),
        LogQuadraticInteraction(),
        Kaplan(),
        Chinchilla(),
        LinearLoss(),
    )
}
PANEL_LAWS = tuple(name for name, law in LAWS.items() if law.arguments == PANEL_ARGUMENTS)  # of one panel


def get(name: str) -> Law:
    """A law by name, or an `InputError` that lists them."""
    if name not in LAWS:
        raise InputError(f"there is no law {quoted(name)}; the laws are {', '.join(LAWS)}")
    return LAWS[name]
