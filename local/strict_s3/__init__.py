"""An S3 that enforces what S3 enforces: LocalStack's, with the parts of it that touch KMS and a second region.

LocalStack's provider answers the requests (docs/decisions/0040-localstacks-s3.md). Added here are:

- `storage`, `kms_keys` and `encryption`: server-side encryption that asks KMS as the caller;
- `replication` between regions, with a time and an order that can be set;
- `annotations`; `events`, as EventBridge delivers them; `limits`; and `settings`, which can be changed at run time.

Almost everything used of LocalStack is private to it: the exact version is pinned.
"""
