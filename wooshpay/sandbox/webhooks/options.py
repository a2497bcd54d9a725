"""How webhooks are delivered, beyond the ordinary: often twice, late, out of order, in another form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, get_args

import attrs
from attrs.validators import deep_iterable, ge, in_, instance_of, le

from wooshpay.core.json import JsonObject, is_object
from wooshpay.sandbox.webhooks.signing import SignatureHeader, Signing, Unit

UNITS: Final[tuple[Unit, ...]] = get_args(Unit)
HEADER_CHOICES: Final[tuple[SignatureHeader, ...]] = get_args(SignatureHeader)
# Ten years, in seconds.
LONGEST_AGE: Final = 315_576_000


def _check_age(instance: object, attribute: object, value: object) -> None:
    if not isinstance(value, (int, float)) or not -LONGEST_AGE <= value <= LONGEST_AGE:
        raise ValueError(f"signature_age must be a number of seconds within ten years, not {value!r}.")


def _tuple(paths: Iterable[str]) -> tuple[str, ...]:
    """A single text is one path, and not a sequence of letters."""
    return (paths,) if isinstance(paths, str) else tuple(paths)


@attrs.frozen(kw_only=True)
class WebhookOptions:
    """What happens to every delivery that begins from now on.

    Attributes:
        duplicates: The number of further copies of each event that an endpoint gets. Default: 0.
        delay: Seconds on the sandbox's clock before the first attempt. Default: 0.
        disorder: Each delivery is held back by chance for up to this number of seconds on the sandbox's clock, on top
            of ``delay``. Events that come up within this time arrive in any order. Default: 0.
        seed: Makes the disorder repeatable. Default: the seed of the sandbox, if it has one.
        created_unit: The unit of the event's ``created``, in deliveries and in responses. Default: milliseconds.
        signature_unit: The unit of the signature's ``t``. Default: milliseconds.
        signature_age: Seconds by which ``t`` lies before the first attempt, on the machine's clock. A negative number
            puts it into the future. Default: 0.
        signature_header: The header that carries the signature: ``"Wooshpay-Signature"``, ``"Signature"`` or
            ``"both"``, which is the default.
        extra_signatures: The number of further ``v1`` signatures, made with other secrets, before the right one, as
            while a secret is being replaced. Default: 0.
        left_out: Fields of the event that deliveries lack, such as ``("created", "data.object.metadata")``. Responses
            of the API still have them. Default: none.

    Raises:
        ValueError: A value is not possible; the message names the option.
        TypeError: ``left_out`` holds something other than texts.
    """

    duplicates: int = attrs.field(default=0, validator=[ge(0), le(20)])
    delay: float = attrs.field(default=0, validator=ge(0))
    disorder: float = attrs.field(default=0, validator=ge(0))
    seed: int | None = None
    created_unit: Unit = attrs.field(default="milliseconds", validator=in_(UNITS))
    signature_unit: Unit = attrs.field(default="milliseconds", validator=in_(UNITS))
    signature_age: float = attrs.field(default=0, validator=_check_age)
    signature_header: SignatureHeader = attrs.field(default="both", validator=in_(HEADER_CHOICES))
    extra_signatures: int = attrs.field(default=0, validator=[ge(0), le(20)])
    left_out: tuple[str, ...] = attrs.field(default=(), converter=_tuple, validator=deep_iterable(instance_of(str)))

    @property
    def signing(self) -> Signing:
        """How deliveries are signed."""
        return Signing(
            unit=self.signature_unit,
            age=self.signature_age,
            header=self.signature_header,
            extra=self.extra_signatures,
        )

    def delivered(self, event: JsonObject) -> JsonObject:
        """Return an event as deliveries contain it, without the fields in ``left_out``."""
        for path in self.left_out:
            event = _without(event, path.split("."))
        return event


def _without(value: JsonObject, path: list[str]) -> JsonObject:
    first, *rest = path
    inner = value.get(first)
    if not rest:
        return {name: item for name, item in value.items() if name != first}
    return {**value, first: _without(inner, rest)} if is_object(inner) else value
