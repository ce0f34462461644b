"""What a run of the simulator is about."""


class Violation(BaseException):  # what it is; the controller's own handling of errors must not catch it
    """An invariant that does not hold."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant
