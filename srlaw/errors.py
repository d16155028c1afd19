"""The one exception that a user's mistake may raise."""


class InputError(ValueError):
    """Input that cannot be used: one plain sentence saying what is wrong, where, and what to do.

    The command line prints the sentence and exits with status 2; a notebook shows it as the last line.
    """
