"""The one exception that users meet, and its form for a stop that they asked for."""


class LeitaiError(Exception):
    """A mistake or limit that the user can act on: printed as one line, exit code 2.

    Attributes:
        what: what is wrong and what was expected, as a short clause.
        where: the file, line, field or option it was found at, if there is one.
        remedy: what to do about it, in the imperative.
        exit_code: that the command line ends with.
    """

    exit_code = 2

    def __init__(
        self, what: str, *, where: object | None = None, remedy: str | None = None
    ) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        if self.remedy:
            line = f"{line}; {self.remedy}"
        return " ".join(line.split())


class InterruptedRunError(LeitaiError):
    """A signal has stopped what could go on later: one line too, and the exit code of the signal.

    Attributes:
        signal: its number, such as 2 for Ctrl-C.
    """

    def __init__(
        self, what: str, *, signal: int, where: object | None = None, remedy: str | None = None
    ) -> None:
        self.signal = signal
        self.exit_code = 128 + signal
        super().__init__(what, where=where, remedy=remedy)
