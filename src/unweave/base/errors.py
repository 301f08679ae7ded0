"""What can go wrong, by whose move it is next."""


class UnweaveError(Exception):
    """Root of the errors that unweave raises on purpose."""


class InputError(UnweaveError, ValueError):
    """What was given is wrong. The message is one sentence: the argument, the rule, what arrived.

    The command line prints it without a traceback and exits with status 2.
    """


class Damaged(InputError):
    """A file of ours does not hold what was written to it: it was cut, changed, or is that of another run."""


class CannotWrite(UnweaveError):
    """The disk is full or fails; the message names the file and what was kept; exit status 1.

    It is no OSError on purpose: what turns that into "out must be…" does not turn this, which is nobody's wrong input.
    """


class Noted(UserWarning):
    """Something was found amiss and work goes on; the command line shows it as one line."""


class Diverged(UnweaveError, ArithmeticError):
    """Training met a loss that is not a number; the message names step, term and last good checkpoint."""


class Interrupted(KeyboardInterrupt):
    """Training was told to stop (Ctrl-C, SIGTERM or SIGHUP) and has saved its state; exit status 130."""
