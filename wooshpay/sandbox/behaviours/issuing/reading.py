"""Reading parameters that several sections of issuing share. Only what the API shows is kept."""

from __future__ import annotations

from collections.abc import Iterable

from wooshpay.core.json import JsonObject, loads
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.rules.spending import INTERVALS


def pick_texts(params: Params, names: Iterable[str]) -> JsonObject:
    """The texts with these names that were sent."""
    return {name: value for name in names if (value := params.text(name))}


def read_metadata(params: Params, kept: JsonObject) -> JsonObject:
    """Free pairs, merged into the ones kept. The reference types them as text, so an object in a text is read too."""
    sent = params.values.get("metadata")
    if isinstance(sent, str) and sent:
        try:
            params = Params({"metadata": loads(sent.encode())})
        except (ValueError, RecursionError):
            raise invalid("metadata", "an object of texts") from None
    return params.metadata(kept) or {}


def read_controls(params: Params, kept: JsonObject | None = None, *, currency: str | None = None) -> JsonObject | None:
    """Read ``spending_controls``; what is left out of them stays as it is.

    Args:
        params: The parameters of the call.
        kept: The controls so far.
        currency: The one currency that limits can have; any when left out.
    """
    sent = params.within("spending_controls")
    if sent is None:
        return kept
    controls: JsonObject = dict(kept or {})
    for name in ("allowed_categories", "blocked_categories"):
        if name in sent.values:
            controls[name] = _texts(sent, name)
    if "spending_limits" in sent.values:
        controls["spending_limits"] = [] if sent.values["spending_limits"] == "" else _limits(sent)
    of_limits = sent.currency("spending_limits_currency") or controls.get("spending_limits_currency") or currency
    if currency is not None and of_limits != currency:
        raise invalid(sent.named("spending_limits_currency"), f"the card's currency, {currency}")
    if of_limits is not None:
        controls["spending_limits_currency"] = of_limits
    if controls.get("allowed_categories") and controls.get("blocked_categories"):
        raise SandboxError(
            "Either allow some categories or block some, not both: send an empty list to clear the other.",
            code="parameter_invalid",
            param=sent.named("blocked_categories"),
        )
    return controls


def _texts(params: Params, name: str) -> list[str]:
    return [] if params.values[name] == "" else params.texts(name) or []


def _limits(params: Params) -> list[JsonObject]:
    return [_limit(entry) for entry in params.each("spending_limits")]


def _limit(entry: Params) -> JsonObject:
    amount = entry.integer("amount", least=0)
    interval = entry.choice("interval", INTERVALS)
    if amount is None:
        raise missing(entry.named("amount"))
    if interval is None:
        raise missing(entry.named("interval"))
    limit: JsonObject = {"amount": amount, "interval": interval}
    categories = entry.texts("categories")
    if categories:
        limit["categories"] = categories
    return limit


def read_person(params: Params) -> JsonObject:
    """Read ``individual``: what is told of a person."""
    person: JsonObject = {"first_name": params.need_text("first_name"), "last_name": params.need_text("last_name")}
    born = params.within("dob")
    if born is not None:
        person["dob"] = _date(born)
    terms = params.within("card_issuing")
    acceptance = terms.within("user_terms_acceptance") if terms is not None else None
    if acceptance is not None:
        accepted: JsonObject = pick_texts(acceptance, ("ip", "user_agent"))
        date = acceptance.integer("date", least=0)
        if date is not None:
            accepted["date"] = date
        person["card_issuing"] = {"user_terms_acceptance": accepted}
    verification = params.within("verification")
    document = verification.within("document") if verification is not None else None
    if document is not None:
        person["verification"] = {"document": pick_texts(document, ("back", "front"))}
    return person


def _date(params: Params) -> JsonObject:
    date: JsonObject = {}
    for name, least, most in (("day", 1, 31), ("month", 1, 12), ("year", 1900, 9999)):
        number = params.integer(name, least=least, most=most)
        if number is None:
            raise missing(params.named(name))
        date[name] = number
    return date
