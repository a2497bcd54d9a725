"""The signature headers of a delivery, in the form that WooshPay sends and in the other forms that receivers meet."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import attrs

Unit: TypeAlias = Literal["milliseconds", "seconds"]
"""The unit of a time in a delivery."""

SignatureHeader: TypeAlias = Literal["both", "Wooshpay-Signature", "Signature"]
"""The headers that carry the signature."""

# The guide names the first one. Programs that were written for the real WooshPay read either of them.
SIGNATURE_HEADERS: Final = ("Wooshpay-Signature", "Signature")


@attrs.frozen(kw_only=True)
class Signing:
    """How a delivery is signed.

    Attributes:
        unit: The unit of ``t``.
        age: Seconds by which ``t`` lies before the time of signing; a negative number lies after it.
        header: The headers that carry the signature.
        extra: The number of further ``v1`` signatures, made with other secrets, that stand before the right one.
    """

    unit: Unit = "milliseconds"
    age: float = 0
    header: SignatureHeader = "both"
    extra: int = 0

    @property
    def at_exactly(self) -> Signing:
        """The same, but with the time as it is given: in its own unit, and without an age."""
        return attrs.evolve(self, unit="milliseconds", age=0)


def signature_headers(body: bytes, secret: str, signed_at: int, signing: Signing) -> dict[str, str]:
    """Return the headers that carry the signature of a delivery.

    Args:
        body: The body of the request.
        secret: The endpoint's secret.
        signed_at: When the delivery was first signed, in milliseconds since 1970.
        signing: How it is signed.
    """
    from wooshpay.webhooks import sign

    t = signed_at - round(signing.age * 1000)
    if signing.unit == "seconds":
        t //= 1000
    start, _, right = sign(body, secret, t=t).partition(",")
    others = [sign(body, f"whsec_another_{number}", t=t).partition(",")[2] for number in range(signing.extra)]
    value = ",".join((start, *others, right))
    return dict.fromkeys(SIGNATURE_HEADERS if signing.header == "both" else (signing.header,), value)
