"""Time-outs and attempts of a boto3 client, all of them named: boto3's own are a minute each."""

from botocore.config import Config


def aws_config(seconds: float, attempts: int, read_seconds: float | None = None) -> Config:
    """`seconds` to connect and to answer, or `read_seconds` to answer; `attempts` in all, the first one included."""
    return Config(
        connect_timeout=seconds,
        read_timeout=read_seconds or seconds,
        retries={"total_max_attempts": attempts, "mode": "standard"},
    )
