"""Runs a module in this process, and ends with whoever holds the other end of the lifeline.

`python -m local.cloud.child <fd or -> <module> <arguments>`: the lifeline is the reading end of a pipe nobody writes
to. When the holder ends, however it ends, SIGKILL included, the kernel closes the pipe, and this process
ends its whole group, Lambda workers too. That also works where PR_SET_PDEATHSIG does not exist,
and does not end a cloud whose starting *thread* is gone, as that signal would.
"""

import os
import runpy
import signal
import sys
from threading import Thread

NO_LIFELINE = "-"


def main() -> None:
    lifeline, module = sys.argv[1:3]
    if lifeline != NO_LIFELINE:
        Thread(target=_end_with_holder, args=(int(lifeline),), name="lifeline", daemon=True).start()
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_holder(lifeline: int) -> None:
    os.set_inheritable(lifeline, False)  # noqa: FBT003 - the standard library's own signature
    os.read(lifeline, 1)
    os.killpg(os.getpgid(0), signal.SIGKILL)  # nothing in a local cloud is worth a slower end


if __name__ == "__main__":
    main()
