"""Imported key material, kept valid: renewed in time, restored when it has expired, proved by a sentinel ciphertext."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from kms_failover.domain.key_material.material import Concern, MaterialLoss
from kms_failover.domain.key_material.plan import nothing_to_import
from kms_failover.domain.key_material.ports import Ports
from kms_failover.domain.key_material.reimport_request import EVERY_KEY, ReimportRequest
from kms_failover.domain.key_material.reimport_result import Reimport
from kms_failover.domain.key_material.round import ENOUGH_SECONDS, ReimportRound
from kms_failover.domain.key_material.turn import Turn
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.plain_text import shown
from kms_failover.errors import IntentRefusedError, UnknownKeySetError

NOT_ALLOWED = "a key in an account that is not allowed counts as none"
MAX_ROUNDS = 5  # of one run, for those who knocked meanwhile
LEASE_ATTEMPTS = 3  # it may be given back between being refused and knocking
ORDER_POLL_SECONDS = 0.5  # an order that waits for the lease asks for it so often
FOR_ORDERS_SECONDS = 1.0  # runs that follow each other leave the lease for so long: two polls
MOST_TOLD = 100  # keys in one message
LONGEST_REASON = (
    500  # characters, escapes counted, of up to 4 bytes: MOST_TOLD of them fit into the 256 KB that SNS takes
)
MAX_CONTINUED = 12  # runs that follow each other at once: a thousand keys; then the schedule's next one


class Lease(Protocol):
    """One runner at a time in this region. Who does not get it knocks, and the holder looks at all keys once more.

    An order waits instead.
    """

    def acquire(self, seconds: float) -> bool:
        """For so long at most: a runner that dies holds nobody up."""
        ...

    def knock(self) -> bool:
        """False: nobody holds it any more."""
        ...

    def release(self) -> bool:
        """False: somebody has knocked since `acquire` or the last `release`; it is still held."""
        ...

    def give_up(self) -> None: ...


class Topic(Protocol):
    def publish(self, subject: str, text: str) -> None: ...


@dataclass(frozen=True)
class Run:
    """`at_risk` counts the keys that the service does not keep by itself; None where not all were looked at.

    `unpublished` is why people could not be told of what has changed: the next run tells it.
    """

    results: tuple[Reimport, ...] = ()
    at_risk: int | None = None
    unpublished: tuple[Exception, ...] = ()


class _LookResult(NamedTuple):
    """`finished`: before the run's time was over."""

    results: tuple[Reimport, ...]
    finished: bool
    unpublished: tuple[Exception, ...]


@dataclass(frozen=True)
class ReimportService:
    key_sets: Callable[[], tuple[KeySet, ...]]
    ports: Ports
    lease: Lease
    topic: Topic
    go_on: Callable[[int], None]  # has another run begin at once, the n-th in a row
    sleep: Callable[[float], None]

    def run(self, request: ReimportRequest, seconds_left: Callable[[], float]) -> Run:
        """A failed key does not stop the others: look at each result's `error`.

        One runner at a time. A command is about its key set alone, and waits for the runner as long as its time allows.
        What else wakes the service has it look at all keys; a run that ends before its work does has another one begin.

        Raises:
            UnknownKeySetError: the request names a key set that is not there. A key of nobody's gives no result.
            IntentRefusedError: an order for a key set that has no key to import into here, or beside a runner that
                did not end in time.
        """
        key_sets = self.key_sets()
        named = self._turns(key_sets, request)
        self._note(request, named)
        if request.key_set is not None:
            ordered = next((key_set for key_set in key_sets if key_set.name == request.key_set), None)
            if ordered is None:
                raise UnknownKeySetError(request.key_set)
            if request.force and not named:
                raise IntentRefusedError(f"{nothing_to_import(ordered, self.ports.region)} ({NOT_ALLOWED})")
            return self._ordered(named, request, seconds_left)
        if request.key_id is not None and not named:
            return Run()
        return self._alone(request, seconds_left)

    def _turns(self, key_sets: Iterable[KeySet], request: ReimportRequest) -> list[Turn]:
        found = []
        for key_set in key_sets:
            member = key_set.imported_member_in(self.ports.region)
            if member is None or key_set.material is None:
                continue
            if request.key_set in {None, key_set.name} and request.names(member):
                found.append(Turn(self.ports, key_set, member, key_set.material))
        return found

    def _note(self, request: ReimportRequest, named: Iterable[Turn]) -> None:
        """Before anything else: whoever runs now, or next, is to know of it."""
        if request.loss is None:
            return
        now = self.ports.clock()
        for turn in named:
            self.ports.ledger.put_loss(
                MaterialLoss(
                    key_set=turn.key_set.name,
                    region=self.ports.region,
                    key_arn=turn.member.arn,
                    kind=request.loss.kind,
                    at=min(request.loss.at or now, now),
                    principal=request.loss.principal,
                    key_material_id=request.loss.key_material_id,
                )
            )

    def _ordered(self, named: list[Turn], request: ReimportRequest, seconds_left: Callable[[], float]) -> Run:
        """Beside a run it would take that one's import for its own, and an older record could be written over a newer.

        Who knocked meanwhile has a run over all keys begin.
        """
        self._wait_for_lease(seconds_left)
        done = False
        try:
            looked = self._round(named, request, seconds_left)
            done = self.lease.release()
        finally:
            if not done:
                self.lease.give_up()
        if not done:
            self.go_on(1)
        return Run(looked.results, unpublished=looked.unpublished)

    def _wait_for_lease(self, seconds_left: Callable[[], float]) -> None:
        spare = max(0.0, seconds_left() - ENOUGH_SECONDS)
        for _ in range(1 + int(spare / ORDER_POLL_SECONDS)):
            if self.lease.acquire(seconds_left()):
                return
            if seconds_left() < ENOUGH_SECONDS + 2 * ORDER_POLL_SECONDS:
                break
            self.sleep(ORDER_POLL_SECONDS)
        raise IntentRefusedError(
            f"another run of reimport is at work in {self.ports.region} and has not ended in {spare:.0f} s; "
            "this order has imported nothing: give it again"
        )

    def _alone(self, request: ReimportRequest, seconds_left: Callable[[], float]) -> Run:
        """Whoever knocked meanwhile is answered by another round: what he knows of may be newer than the last one."""
        if request.continued:
            self.sleep(FOR_ORDERS_SECONDS)
        if not self._has_lease(seconds_left):
            return Run()
        results: dict[str, Reimport] = {}
        unpublished: tuple[Exception, ...] = ()
        done = False
        try:
            for _ in range(MAX_ROUNDS):
                found = self._round(self._turns(self.key_sets(), EVERY_KEY), request, seconds_left)
                unpublished = found.unpublished
                for result in found.results:
                    results[result.key_set] = result.after(results.get(result.key_set))
                done = found.finished and self.lease.release()
                if done or not found.finished or seconds_left() < ENOUGH_SECONDS:
                    break
        finally:
            if not done:
                self.lease.give_up()
        if not done and request.continued < MAX_CONTINUED:
            self.go_on(request.continued + 1)
        at_risk = sum(result.concern is not Concern.NONE for result in results.values())
        return Run(tuple(results.values()), at_risk, unpublished)

    def _has_lease(self, seconds_left: Callable[[], float]) -> bool:
        """False: its holder knows that somebody has asked."""
        for _ in range(LEASE_ATTEMPTS):
            if self.lease.acquire(seconds_left()):
                return True
            if self.lease.knock():
                return False
        return False

    def _round(self, turns: list[Turn], request: ReimportRequest, seconds_left: Callable[[], float]) -> _LookResult:
        looked, finished = ReimportRound(request, seconds_left, self.sleep, self.ports.clock).run(turns)
        unpublished = self._publish(looked)
        return _LookResult(tuple(turn.result for turn in turns), finished, unpublished)

    def _publish(self, turns: Iterable[Turn]) -> tuple[Exception, ...]:
        """Once, of all that changed; where that fails, why: what was done and found is so all the same."""
        changed = [turn for turn in turns if turn.has_unpublished_concern]
        if not changed:
            return ()
        subject, text = reimport_message(self.ports.region, [turn.result for turn in changed])
        try:
            self.topic.publish(subject, text)
        except Exception as error:  # noqa: BLE001  # whoever runs it says so at the end
            return (error,)
        for turn in changed:
            turn.mark_published()
        return ()


def reimport_message(region: str, results: Sequence[Reimport]) -> tuple[str, str]:
    """Subject and text for people; the keys that need them first."""
    needing = [result for result in results if result.concern is not Concern.NONE]
    again = [result for result in results if result.concern is Concern.NONE]
    need = "needs" if len(needing) == 1 else "need"
    what = f"{len(needing)} of your keys {need} you" if needing else "kept by the service again"
    lines = [
        f"{result.key_set} in {region}, {result.state or 'not seen'}: {shown(shown(result.reason), LONGEST_REASON)}"
        for result in needing
    ]
    lines += [f"{result.key_set} in {region}, {result.state}: kept by the service again" for result in again]
    more = [f"and {len(lines) - MOST_TOLD} more: `kms-failover status` shows each"] if len(lines) > MOST_TOLD else []
    return f"Key material in {region}: {what}", "\n".join([*lines[:MOST_TOLD], *more])
