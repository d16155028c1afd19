"""How the files of a data set are written: what its entry in the registry says about reading them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from srlaw.datasets.log import Log, k_core
from srlaw.datasets.tables import Table


@dataclass(frozen=True)
class Layout:
    """How the files of a data set are written.

    Attributes:
        columns: role → column name.
        separator: between fields. MovieLens-1M's ``::`` is read as ``:`` with empty columns between.
        names: column names, for files without a header.
        core: k of the k-core filter, or None.
    """

    columns: dict[str, str]
    separator: str = ","
    names: tuple[str, ...] | None = None
    core: int | None = None

    def tables(self, files: Sequence[Path]) -> list[Table]:
        return [Table(file, self.separator, self.names) for file in files]

    def select(self, log: Log) -> Log:
        """The events that count: all of them, or the k-core."""
        return log if self.core is None else k_core(log, self.core)
