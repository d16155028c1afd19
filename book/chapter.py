"""Execute one notebook: `python book/chapter.py SOURCE TARGET [papermill's options]`.

Exit status 2 and one sentence for a mistake of the reader, 1 and the end of the trace for anything else. TARGET is
then the notebook as far as it came.
"""

import re
import sys

import click
import yaml
from papermill.cli import papermill
from papermill.exceptions import PapermillException, PapermillExecutionError
from processes import end_with_parent

QUIET = ["--no-progress-bar", "--log-level", "ERROR"]


def execute(source: str, target: str, options: list[str]) -> tuple[int, str]:
    """Exit status and what to say."""
    try:
        papermill.main([source, target, *QUIET, *options], prog_name="papermill", standalone_mode=False)
    except PapermillExecutionError as error:
        if error.ename == "InputError":
            return 2, str(error.evalue)
        trace = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
        return 1, "\n".join(trace.splitlines()[-25:])
    except click.ClickException as error:
        return 2, error.format_message()
    except (OSError, PapermillException, TypeError, ValueError, yaml.YAMLError) as error:
        return 2, " ".join(str(error).split())
    return 0, ""


if __name__ == "__main__":
    end_with_parent()
    status, message = execute(sys.argv[1], sys.argv[2], sys.argv[3:])
    if message:
        print(message, file=sys.stderr)
    sys.exit(status)
