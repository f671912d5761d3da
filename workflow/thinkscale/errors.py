"""The one error a user is meant to read."""


class ThinkscaleError(Exception):
    """A problem the user can mend.

    The message names the culprit (file, row, column or config key), says what was found and what
    was expected. Scripts and the command line print it without a traceback and exit with 1.
    """
