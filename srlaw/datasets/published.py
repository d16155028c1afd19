"""The official layouts of the registered data sets."""

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


_SAME = {"user": "user", "item": "item", "rating": "rating", "time": "time"}

LAYOUTS: dict[str, Layout] = {
    "ml-1m": Layout(_SAME, ":", ("user", "", "item", "_", "rating", "__", "time")),
    "ml-100k": Layout(_SAME, "\t", ("user", "item", "rating", "time")),
    # The two standard logs, every exposure, clicked or not. The randomly exposed videos are left out: they are
    # 1,186,059 events, 43 a user, and with them nearly every history would fill s_max = 25, where the paper's
    # Table 1 has a mean length of 20.72. Its 1,058,511 tokens at s_max = 100 fit the 1,436,609 events of these.
    "kuairand-pure": Layout({"user": "user_id", "item": "video_id", "time": "time_ms"}),
    # Users and items with at least five events, repeated until stable, as in the published 5-core. The paper's
    # tokens and mean lengths give some 695,000 users: one pass of the filter, not repeated, leaves that many.
    "amazon-books": Layout(_SAME, ",", ("user", "item", "rating", "time"), core=5),
}
