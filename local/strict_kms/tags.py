"""Which tags a key takes."""

from collections.abc import Iterable

from .errors import TagException

MOST_TAGS = 50  # AWS docs: resource quotas of AWS KMS
RESERVED_PREFIX = "aws:"


def require_tags(new: Iterable[str], present: Iterable[str] = ()) -> None:
    """The keys of new tags, and of those that the key has. Raises TagException.

    Recorded: test_tag_key_with_duplicate_tag_keys_raises_error, test_create_key_with_too_many_tags_raises_error,
    test_tag_existing_key_with_invalid_tag_key, 2025-01-17 to 2025-01-22. Which comes first is UNCONFIRMED.
    """
    names = list(new)
    if len(set(names)) < len(names):
        raise TagException("Duplicate tag keys")
    if any(name.lower().startswith(RESERVED_PREFIX) for name in names):
        raise TagException("Tags beginning with aws: are reserved")
    if len({*names, *present}) > MOST_TAGS:
        raise TagException("Too many tags")
