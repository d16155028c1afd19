"""An executable examination of the Performance Law for sequential recommendation.

Data flows one way: interactions → sequences → (entropy | models) → runs → laws → verdicts → pages.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from srlaw.recommender import Recommender

__version__ = "0.2.0"


def load(folder: str | Path) -> Recommender:
    """The model in a folder that ``srlaw train --save`` has written; see `srlaw.saved.load`."""
    from srlaw.saved import load as load_model  # imports torch

    return load_model(folder)
