"""The invariants of what operators order: holds hold, the newest order counts, guard rails bind what they say."""

from collections.abc import Callable
from datetime import datetime, timedelta

from kms_failover.domain.key_set import Failback, KeySet
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.judgement import Judgement
from kms_failover.domain.routing.route import Route
from kms_failover.domain.runbook.commands import ActionName, Command
from proofs.simulation.history import History
from proofs.simulation.replica import Replica
from proofs.simulation.violation import Violation

AN_HOUR = timedelta(hours=1)
NOTHING = Intent()
SKEW = timedelta(seconds=60)


class OrderChecks:
    def __init__(self, key_set: KeySet) -> None:
        self._key_set = key_set

    def in_force(self, replica: Replica, now: datetime) -> Intent:
        """The newest intent that has reached this region, unless it has expired."""
        best = NOTHING
        for intent in replica.intents(self._key_set.name):
            if (intent.epoch, intent.written_in) > (best.epoch, best.written_in):
                best = intent
        expired = best.expires_at is not None and now >= best.expires_at
        return Intent(epoch=best.epoch, written_in=best.written_in) if expired else best

    def forces(self, replica: Replica, region: str, now: datetime) -> bool:
        intent = self.in_force(replica, now)
        return intent.mode is Mode.FORCE and intent.region == region

    def insists(self, replica: Replica, region: str, now: datetime) -> bool:
        return self.in_force(replica, now).insist and self.forces(replica, region, now)

    @staticmethod
    def stays(intent: Intent, head: str) -> bool:
        """Whether this order keeps the route where it is although that is lost."""
        return intent.mode is Mode.HOLD or (intent.mode is Mode.FORCE and intent.region == head and intent.insist)

    # At each write

    def obeyed(self, replica: Replica, before: Route, after: Route, now: datetime) -> bool:
        """Whether this write says that an order is carried out; it is the newest one, and none goes back."""
        newest = self.in_force(replica, now)
        was, orders = ((route.intent_epoch, route.intent_written_in) for route in (before, after))
        if orders not in (was, (newest.epoch, newest.written_in)):
            raise Violation("intent", f"carried out {orders}, the newest is {newest.epoch} of {newest.written_in}")
        return orders != was

    def changed(
        self, replica: Replica, ways: History, before: Route, after: Route, now: datetime, *, new: bool
    ) -> None:
        was, head = before.regions[0], after.regions[0]
        intent = self.in_force(replica, now)
        if sorted(after.regions) != sorted(self._key_set.regions):
            raise Violation("opens", f"the route {after.regions} has not every region once")
        if intent.mode is Mode.HOLD:
            raise Violation("hold", f"changed to {after.regions} while held")
        self._evidence_is_told(after)
        left = ways.is_lost(was)
        self._rate_is_kept(ways, after, now, exempt=left or new)
        if was != head:
            self._move_is_earned(replica, ways, head, intent, left=left, new=new)
            ways.moved_at = now

    def _evidence_is_told(self, route: Route) -> None:
        """Every region is in the evidence, and the reason names one or whoever ordered it."""
        named = all(any(line.startswith(f"{region}: ") for line in route.evidence) for region in self._key_set.regions)
        if not named or not any(word in route.reason for word in (*self._key_set.regions, "ana")):
            raise Violation("evidence", f"a change that does not say why: {route.reason!r}, {route.evidence}")

    def _rate_is_kept(self, ways: History, route: Route, now: datetime, *, exempt: bool) -> None:
        """Counted by all changes; what an operator orders, and leaving a lost region, may exceed it."""
        ways.changed_at.append(now)
        recent = sum(now - at < AN_HOUR for at in ways.changed_at)
        if recent > self._key_set.rules.changes_per_hour and not exempt:
            raise Violation("rate", f"{recent} changes within an hour, the last one {route.reason!r}")

    def _move_is_earned(
        self, replica: Replica, ways: History, head: str, intent: Intent, *, left: bool, new: bool
    ) -> None:
        forced = intent.mode is Mode.FORCE and intent.region == head
        if forced and (intent.insist or (new and not ways.is_lost(head))):
            return
        if left and not ways.is_lost(head):
            return
        if ways.is_lost(head):
            raise Violation("target", f"moved to {head}, which is lost")
        target = intent.region if intent.mode is Mode.FORCE else self._key_set.regions[0]
        if head != target:
            raise Violation("evidence", f"moved to {head} for no reason")
        approved = intent.failback and self._approval_stands(ways, head, intent)
        if not forced and not approved and self._key_set.failback is not Failback.AUTOMATIC:
            raise Violation("failback", "returned although no operator's approval was of this recovery")
        owed = replica.owed_here.get(head, 0)
        if owed > self._key_set.rules.debt_allowed_to_return and not (approved and intent.insist):
            raise Violation("debt", f"returned to {head}, to which {owed} objects are owed")

    @staticmethod
    def _approval_stands(ways: History, head: str, intent: Intent) -> bool:
        """It is of this recovery: nothing was lost, and the route not moved, since; as far as clocks can tell."""
        if intent.at is None:
            return False
        ends = [moment for moment in (ways.lost_at.get(head), ways.moved_at) if moment is not None]
        return all(moment <= intent.at + SKEW for moment in ends)

    # After each run

    def settled(
        self, intent: Intent, ways: History, route: Route, now: datetime, surely_answers: Callable[[str], bool]
    ) -> None:
        """A force is carried out where its region answers, and stands as long as that is not lost."""
        if intent.mode is not Mode.FORCE or intent.region not in self._key_set.regions:
            return
        region, order = intent.region, (intent.epoch, intent.written_in)
        if ways.is_lost(region):
            ways.force_seen.setdefault(order, None)
        elif route.regions[0] == region or surely_answers(region):
            ways.force_seen.setdefault(order, now)
        carried_out = ways.force_seen.get(order)
        lost = ways.is_lost(region) or (carried_out is not None and ways.lost_at.get(region, carried_out) > carried_out)
        due = intent.insist or (carried_out is not None and not lost)
        if due and route.regions[0] != region:
            raise Violation("force", f"forced to {region}, and the route leads to {route.regions[0]}")

    # At each command

    def accepted(self, before: Judgement | None, command: Command) -> None:
        """What was accepted was not to be refused, by what this region's operator could see."""
        target = command.region if command.action is ActionName.FAILOVER else self._key_set.regions[0]
        seen = before.health.get(target or "") if before else None
        usable = seen is not None and seen.key_usable and seen.verdict not in {Verdict.IMPAIRED, Verdict.UNKNOWN}
        if command.action is ActionName.FAILOVER and not command.insist and not usable:
            raise Violation("refusal", f"a force to {target} was accepted, which is not usable")
        healthy = usable and seen is not None and seen.verdict is Verdict.HEALTHY
        if command.action is ActionName.FAILBACK and not healthy:
            raise Violation("refusal", f"a failback to {target} was accepted, which is not healthy")
