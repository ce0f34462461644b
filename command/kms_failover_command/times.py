from datetime import UTC, datetime


def in_utc(at: datetime | str) -> str:
    """To the second, and the same everywhere. A text is in ISO 8601."""
    time = datetime.fromisoformat(at) if isinstance(at, str) else at
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
