"""What `srlaw plan` does: a schedule, laws weighed by hold-out, a recommendation with an interval, or "cannot tell"."""

from srlaw.planner.cells import Cells, forward_cost
from srlaw.planner.decide import decide
from srlaw.planner.rows import plan_rows
from srlaw.planner.table import is_rows

__all__ = ["Cells", "decide", "forward_cost", "is_rows", "plan_rows"]
