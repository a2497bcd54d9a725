"""How webhooks are delivered, beyond the ordinary: often twice, late, out of order."""

from __future__ import annotations

import attrs
from attrs.validators import ge, le


@attrs.frozen(kw_only=True)
class WebhookOptions:
    """What happens to every delivery that begins from now on.

    Attributes:
        duplicates: How many further copies of each event an endpoint gets.
        delay: Seconds on the sandbox's clock before the first attempt.
        disorder: Each delivery is held back by chance for up to so many seconds on the sandbox's clock, on top of
            ``delay``: events that come up within this time arrive in any order.
        seed: Makes the disorder repeatable; without it, it is if the sandbox has a seed.
    """

    duplicates: int = attrs.field(default=0, validator=[ge(0), le(20)])
    delay: float = attrs.field(default=0, validator=ge(0))
    disorder: float = attrs.field(default=0, validator=ge(0))
    seed: int | None = None
