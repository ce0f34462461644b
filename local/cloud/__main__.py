"""The command: python -m local.cloud start|stop|status."""

import argparse
import fcntl
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict

from local.strict_kms.__main__ import options as strict_kms_options
from local.strict_kms.__main__ import port

from .account_limits import BadLimitError, parse_limits
from .alarm_evaluation import MINUTE_SECONDS
from .cloud import LocalCloud
from .environment import client_settings
from .ports import PortBusyError
from .processes import REPOSITORY, StartError, end
from .state import CloudState, read_state, write_state

FOLDER = REPOSITORY / "build" / "cloud"
STATE = FOLDER / "cloud.json"
SET_BY_THE_CLOUD = ("--port", "--host", "--account-id", "--events-url")
SHORTEST_MINUTE_SECONDS = 1  # below it a busy machine misses whole minutes
FAILED = 1
PORT_BUSY = 2


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    with _one_at_a_time():
        match options.command:
            case "start":
                return _start(options)
            case "stop":
                return _stop()
            case _:
                return _status(as_json=options.json)


def _start(options: argparse.Namespace) -> int:
    state = read_state(STATE)
    if state is not None and _is_up(state):
        if options.kms or options.limits or options.alarm_minute is not None:
            print("The local cloud is already up, as it was begun: make cloud-down first.", file=sys.stderr)
            return FAILED
        print(_as_json(state) if options.json else f"The local cloud is already up.\n{_what_next(state)}")
        return 0
    if state is not None:
        end(state.processes)  # what is left of one that lost a process
    try:
        state = LocalCloud(
            folder=FOLDER,
            port=options.port,
            kms_options=options.kms,
            limits=options.limits,
            alarm_minute_seconds=options.alarm_minute or MINUTE_SECONDS,
        ).start_detached()
    except PortBusyError as error:
        print(error, file=sys.stderr)
        return PORT_BUSY
    except StartError as error:
        print(error, file=sys.stderr)
        return FAILED
    write_state(STATE, state)
    print(_as_json(state) if options.json else f"The local cloud is up.\n{_what_next(state)}")
    return 0


def _stop() -> int:
    state = read_state(STATE)
    ended = end(state.processes) if state is not None else []
    STATE.unlink(missing_ok=True)
    print(f"The local cloud is down ({len(ended)} processes ended)." if ended else "The local cloud was not up.")
    return 0


def _status(*, as_json: bool) -> int:
    state = read_state(STATE)
    if state is None or not state.running():
        print(json.dumps({"up": False}) if as_json else "The local cloud is down. Start it with: make cloud")
        return FAILED
    if as_json:
        print(_as_json(state))
    else:
        for process in state.processes:
            print(f"{process.name:<12} {'runs' if process.is_running() else 'has ended'}  {process.log}")
        print(_what_next(state))
    return 0 if _is_up(state) else FAILED


def _is_up(state: CloudState) -> bool:
    return state.running() == state.processes


def _as_json(state: CloudState) -> str:
    more = {"messages": state.addresses.messages, "environment": client_settings(state.addresses)}
    return json.dumps({"up": _is_up(state), **asdict(state), **more})


def _what_next(state: CloudState) -> str:
    exports = [f"  export {name}={value}" for name, value in client_settings(state.addresses).items()]
    return "\n".join(
        [
            f"All services: {state.addresses.front}",
            f"KMS:          {state.addresses.kms_front}",
            f"Messages:     {state.addresses.messages}",
            f"Logs:         {FOLDER / 'logs'}",
            "To use it from this shell:",
            "  unset AWS_PROFILE AWS_SESSION_TOKEN",
            *exports,
            f"Next: make practice deploys the service here; make conformance ENDPOINT={state.addresses.kms_front}",
            "To end it: make cloud-down",
        ]
    )


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two commands at once would start two clouds, and one would be forgotten."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _kms_options(text: str) -> tuple[str, ...]:
    """Checked here, so that a mistake is said before four processes are started."""
    options = tuple(shlex.split(text))
    if taken := [one for one in options if one.partition("=")[0] in SET_BY_THE_CLOUD]:
        raise argparse.ArgumentTypeError(f"{taken[0]} is for the cloud itself to set")
    strict_kms_options(["--port", "0", *options])
    return options


def _limits(text: str) -> Mapping[str, float]:
    try:
        limits: dict[str, float] = json.loads(text)
        parse_limits(limits)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"no JSON: {error}") from error
    except BadLimitError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return limits


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from None
    if not SHORTEST_MINUTE_SECONDS <= seconds <= MINUTE_SECONDS:
        raise argparse.ArgumentTypeError(f"a minute lasts {SHORTEST_MINUTE_SECONDS} to {MINUTE_SECONDS} s, not {text}")
    return seconds


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.cloud", description="The local cloud, on loopback.")
    parser.add_argument("command", choices=("start", "stop", "status"))
    parser.add_argument("--port", type=port, help="the port for all services but KMS; a free one by default")
    parser.add_argument(
        "--kms",
        type=_kms_options,
        default=(),
        metavar="OPTIONS",
        help="options of python -m local.strict_kms, such as '--latency 20'; AWS's quotas hold unless '--quotas none'",
    )
    parser.add_argument(
        "--limits", type=_limits, default={}, metavar="JSON", help="an account's limits (docs/account-limits.md)"
    )
    parser.add_argument(
        "--alarm-minute",
        type=_seconds,
        metavar="SECONDS",
        help="how long a minute of the alarms' periods lasts: 10 rings six times as soon (default: 60)",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
