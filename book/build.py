"""Execute the notebooks whose inputs changed, then build book/_build/html: what `make book` calls."""

import os
import shutil
import sys

import execute
import scoreboard_picture
from jupyter_book.cli.main import main as jupyter_book
from processes import ROOT, alone, end_with_parent


def pages() -> int:
    """Build strictly, in this process: were it a child, it could outlive us and the lock."""
    os.chdir(ROOT)
    try:
        jupyter_book(["build", "book", "-W", "--keep-going"], standalone_mode=False)
        return 0
    except (RuntimeError, SystemExit) as error:
        print(error, file=sys.stderr)
    # Sphinx reports a warning only when it reads a page: forget the pages, or the next build passes.
    shutil.rmtree(ROOT / "book/_build/.doctrees", ignore_errors=True)
    return 1


def main() -> int:
    with alone():
        if execute.changed():
            return 1
        scoreboard_picture.write()
        return pages()


if __name__ == "__main__":
    end_with_parent()
    sys.exit(main())
