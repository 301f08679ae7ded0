"""What can go wrong, by whose move it is next."""


class UnweaveError(Exception):
    """Root of the errors that unweave raises on purpose."""


class InputError(UnweaveError, ValueError):
    """What was given is wrong. The message is one sentence: the argument, the rule, what arrived.

    The command line prints it without a traceback and exits with status 2.
    """


class Diverged(UnweaveError, ArithmeticError):
    """Training met a loss that is not a number; the message names step, term and last good checkpoint."""


class Interrupted(KeyboardInterrupt):
    """Training was told to stop (Ctrl-C or SIGTERM) and has saved its state; exit status 130."""
