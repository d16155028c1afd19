"""An executable examination of the Performance Law for sequential recommendation.

Data flows one way: interactions → sequences → (entropy | models) → runs → laws → verdicts → pages.
"""

__version__ = "0.2.0"
