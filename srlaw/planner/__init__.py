"""What `srlaw plan` does: laws weighed by hold-out, a recommendation with an interval, or "cannot tell"."""

from srlaw.planner.cells import Cells, forward_cost
from srlaw.planner.rows import plan_rows

__all__ = ["Cells", "forward_cost", "plan_rows"]
