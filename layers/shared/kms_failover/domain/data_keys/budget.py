"""A budget for extra calls: spent one by one, earned back by ordinary work (as botocore's retry quota, facts 3.4)."""

import threading


class Budget:
    """Full at first. Safe for threads."""

    def __init__(self, capacity: float, earned_per_call: float) -> None:
        self._capacity = capacity
        self._earned = earned_per_call
        self._left = capacity
        self._lock = threading.Lock()

    def earn(self) -> None:
        """An ordinary call was made."""
        if self._left >= self._capacity:
            return
        with self._lock:
            self._left = min(self._capacity, self._left + self._earned)

    def spend(self) -> bool:
        """True if there was one left; it is spent."""
        with self._lock:
            if self._left < 1.0:
                return False
            self._left -= 1.0
            return True
