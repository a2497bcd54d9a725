"""The time by which commands count "30d ago" and "today".

WooshPay's clock agrees with this machine's. The clock of a sandbox can be anywhere, since it can be moved, so a sandbox
is asked for its time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from wooshpay.cli.periods import depends_on_now
from wooshpay.cli.streams import complain
from wooshpay.core.clock import wall_time
from wooshpay.core.json import is_object

if TYPE_CHECKING:
    from wooshpay import WooshPay
    from wooshpay.cli.connection import Connection
    from wooshpay.cli.periods import Instant

CLOCK_PATH: Final = "/sandbox/clock"

# A difference that nobody sees in a report need not be mentioned.
_WORTH_MENTIONING: Final = 3600.0
# In milliseconds, in the year 6429: a time that the calendar can go on from.
_LATEST: Final = 2**47


def time_for(since: Instant | None, until: Instant | None, connection: Connection, client: WooshPay) -> float:
    """Return the time to read a period with, in seconds since 1970: the API's if it matters, else this machine's.

    Args:
        since: The beginning of the period.
        until: The end of the period.
        connection: What the command's options say about reaching WooshPay.
        client: The client of the command.

    Raises:
        TransportError: The host cannot be reached.
    """
    return time_of_api(connection, client) if depends_on_now(since, until) else wall_time()


def time_of_api(connection: Connection, client: WooshPay, now: Callable[[], float] = wall_time) -> float:
    """Return the time of the API that a command talks to, in seconds since 1970.

    A sandbox whose clock was moved is mentioned on standard error.

    Args:
        connection: What the command's options say about reaching WooshPay.
        client: The client of the command.
        now: This machine's time.

    Raises:
        TransportError: The host cannot be reached.
    """
    mine = now()
    told = _told(client) if connection.may_reach_sandbox() else None
    if told is None:
        return mine
    if abs(told - mine) > _WORTH_MENTIONING:
        complain(
            f"The clock of the sandbox is at {datetime.fromtimestamp(told, UTC):%Y-%m-%d %H:%M} UTC. Times are counted"
            " from there, not from this machine's."
        )
    return told


def _told(client: WooshPay) -> float | None:
    """Return the sandbox's time; None if the host does not tell one, as it is another server than a sandbox."""
    from wooshpay import APIError, DecodeError, ProtocolError

    try:
        answer = client.request("GET", CLOCK_PATH)
    except (APIError, DecodeError, ProtocolError):
        return None
    moment = answer.get("now") if is_object(answer) else None
    return moment / 1000 if isinstance(moment, int) and 0 <= moment < _LATEST else None
