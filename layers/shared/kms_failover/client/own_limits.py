"""What this process itself lacks, so that it can reach nobody."""

import os


def lacks_descriptors() -> bool:
    """No file or socket can be opened. Name resolution hides the reason (EMFILE becomes EAI_AGAIN), so it is tried."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return True
    return False
