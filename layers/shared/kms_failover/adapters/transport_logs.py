"""botocore's own DEBUG lines hold whole requests and answers, plaintext keys included: kept out of our logs."""

import logging

TRANSPORT = ("boto3", "botocore", "s3transfer", "urllib3")


def hold_back_transport_debug() -> None:
    """For a process that is the service's own. Lambda's `ApplicationLogLevel: DEBUG` reaches every logger otherwise.

    A library never calls this in its user's process: the level there is the user's own choice.
    """
    floor = max(logging.INFO, logging.getLogger().level)
    for name in [*TRANSPORT, *logging.root.manager.loggerDict]:
        logger = logging.getLogger(name)
        is_named = name in TRANSPORT
        if (is_named or (name.split(".")[0] in TRANSPORT and logger.level)) and logger.level < floor:
            logger.setLevel(floor)
