"""Replication between buckets: in its own time, in the background, as the rule's role."""

import heapq
import itertools
import logging
import random
import time
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any

from localstack.aws.api import ServiceException
from localstack.services.s3.utils import get_unique_key_id

from .buckets import bucket_named, store_of
from .caller import Caller, acting_for
from .events import ObjectEvents
from .replicas import copy_settings, make_replica, place
from .replication_rules import (
    Rule,
    destination_of,
    rules_for,
    takes_changes_of_replicas,
    takes_marker,
    takes_object,
)
from .settings import LiveSettings
from .storage import EncryptedStore, is_object

PENDING, COMPLETED, FAILED, REPLICA = "PENDING", "COMPLETED", "FAILED", "REPLICA"
MAY_PASS = frozenset({"ServiceUnavailable", "KMS.ThrottlingException", "KMS.KMSInternalException"})

logger = logging.getLogger(__name__)


@dataclass(order=True)
class _Task:
    due: float
    number: int
    source: str = field(compare=False)
    version: Any = field(compare=False)
    rule: Rule = field(compare=False)
    role: str = field(compare=False)
    settings_only: bool = field(compare=False)


class Replication:
    """`write` and `change` follow a client's request; what they start is done by a thread of its own.

    What may pass (KMS silent or throttled, a region whose replication is paused) is tried again, and the object stays
    PENDING; what will not is FAILED, as with S3. The role's permissions for S3 are not looked at, those for KMS are.
    """

    def __init__(self, storage: EncryptedStore, settings: LiveSettings, events: ObjectEvents, locks: Any) -> None:
        """`locks` are LocalStack's, by bucket and key: a client's write of a version holds them."""
        self._storage = storage
        self._locks = locks
        self._settings = settings
        self._events = events
        self._tasks: list[_Task] = []
        self._numbers = itertools.count()
        self._changed = Condition()
        self._random = random.Random()  # noqa: S311 - no secret
        Thread(target=self._run, name="strict-s3-replication", daemon=True).start()

    def write(self, bucket: Any, version: Any) -> None:
        """After a new version, or a delete marker. The status is PENDING before the client has its answer."""
        for rule in rules_for(bucket.replication, version.key, _tags(bucket, version)):
            wanted = takes_object(rule, version) if is_object(version) else takes_marker(rule)
            if wanted:
                self._plan(bucket, version, rule)

    def change(self, bucket: Any, version: Any) -> None:
        """After a change of a version's tags, ACL, retention, hold or annotations: it follows where the version did.

        Not to where it never was: it is older than the rule, or was refused there.
        """
        for rule in rules_for(bucket.replication, version.key, _tags(bucket, version)):
            is_replica = getattr(version, "replication_status", None) == REPLICA
            if takes_changes_of_replicas(rule) if is_replica else _went_to(version, destination_of(rule)):
                self._plan(bucket, version, rule, settings_only=True)

    def _plan(self, bucket: Any, version: Any, rule: Rule, *, settings_only: bool = False) -> None:
        if not settings_only:
            _set_status(version, destination_of(rule), PENDING)
        due = time.monotonic() + self._random.uniform(*self._settings.now.replication_seconds)
        role = bucket.replication["Role"]
        self._add(_Task(due, next(self._numbers), bucket.name, version, rule, role, settings_only))

    def _add(self, task: _Task) -> None:
        with self._changed:
            heapq.heappush(self._tasks, task)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            task = self._next()
            try:
                self._do(task)
            except Exception:  # the entry point of its thread
                logger.exception("defect in the replication of %s/%s", task.source, task.version.key)
                _set_status(task.version, destination_of(task.rule), FAILED)

    def _next(self) -> _Task:
        with self._changed:
            while not self._tasks or self._tasks[0].due > time.monotonic():
                self._changed.wait(self._tasks[0].due - time.monotonic() if self._tasks else None)
            return heapq.heappop(self._tasks)

    def _do(self, task: _Task) -> None:
        try:
            if self._is_paused(task):
                self._again(task)
                return
            with acting_for(Caller(task.role)):
                self._replicate(task)
        except ServiceException as error:
            if error.code in MAY_PASS:
                self._again(task)
                return
            logger.warning("%s/%s is not replicated: %s: %s", task.source, task.version.key, error.code, error.message)
            if not task.settings_only:
                _set_status(task.version, destination_of(task.rule), FAILED)

    def _replicate(self, task: _Task) -> None:
        source, destination = bucket_named(task.source), bucket_named(destination_of(task.rule))
        version = task.version
        if not _is_there(source, version):
            return
        replica = destination.objects.get(version.key, version.version_id) if destination.versioning_status else None
        if replica is None and task.settings_only:
            if _status(version, destination.name) == PENDING:
                self._again(task)  # its creation is still under way
            return
        if replica is None:
            replica = make_replica(self._storage, source, version, destination, task.rule)
            with self._locks[destination.name][version.key]:
                place(destination, replica, self._settings.now.version_order)
            self._announce(destination, replica)
        if is_object(version):
            with_annotations = self._settings.now.replicates_annotations
            copy_settings(source, version, destination, replica, with_annotations=with_annotations)
        if not task.settings_only:
            _set_status(version, destination.name, COMPLETED)

    def _announce(self, bucket: Any, replica: Any) -> None:
        """Community reports say that a replica's arrival is announced as a Put (facts 5.2, UNCONFIRMED)."""
        if is_object(replica):
            self._events.send(bucket, replica, "Object Created", {"reason": "PutObject"})
        else:
            more = {"reason": "DeleteObject", "deletion-type": "Delete Marker Created"}
            self._events.send(bucket, replica, "Object Deleted", more)

    def _again(self, task: _Task) -> None:
        task.due = time.monotonic() + self._settings.now.replication_retry_seconds
        self._add(task)

    def _is_paused(self, task: _Task) -> bool:
        paused = self._settings.now.replication_paused_from
        return bool(paused) and bucket_named(task.source).bucket_region in paused


def _is_there(bucket: Any, version: Any) -> bool:
    return bucket.versioning_status is not None and bucket.objects.get(version.key, version.version_id) is version


def _tags(bucket: Any, version: Any) -> dict[str, str]:
    found: dict[str, str] = store_of(bucket).tags.get_tags(
        get_unique_key_id(bucket.name, version.key, version.version_id)
    )
    return found


def _status(version: Any, destination: str) -> str | None:
    by_destination: dict[str, str] = getattr(version, "replication", {})
    return by_destination.get(destination)


def _went_to(version: Any, destination: str) -> bool:
    return _status(version, destination) in {PENDING, COMPLETED}


def _set_status(version: Any, destination: str, status: str) -> None:
    """Of all destinations together: PENDING while one is, FAILED if one has failed. A replica stays a REPLICA."""
    if not is_object(version) or getattr(version, "replication_status", None) == REPLICA:
        return
    by_destination: dict[str, str] = version.__dict__.setdefault("replication", {})
    by_destination[destination] = status
    states = set(by_destination.values())
    version.replication_status = next(one for one in (PENDING, FAILED, COMPLETED) if one in states)
