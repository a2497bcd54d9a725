"""Where payouts can go: what each type of destination needs, and each country's bank accounts, as the guides show."""

from __future__ import annotations

import re
from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing
from wooshpay.sandbox.engine.params import Params

TYPES: Final = ("bank_account", "card", "carrier_billing", "alipay", "imps", "upi", "mobile_money")
HOLDER_TYPES: Final = ("individual", "company")
# Mobile money is unverified: one merchant's program pays out to these, and to no other country.
MOBILE_MONEY_PROVIDERS: Final = ("mtn_rw", "airtel_rw")
MOBILE_MONEY_CURRENCY: Final = "RWF"
ROUTING_TYPES: Final = ("iban", "aba", "sort")

EUROZONE: Final = frozenset(
    {"AT", "BE", "BG", "CY", "DE", "EE", "ES", "FI", "FR", "GR", "HR", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PT"}
) | {"SI", "SK"}

_ROUTING_OF: Final = {"US": "aba", "GB": "sort", **dict.fromkeys(EUROZONE, "iban")}
_CHINA: Final = ("currency", "swift", "account_holder_type", "routing_number", "bank_name")

_COUNTRY = re.compile(r"[A-Za-z]{2}")
_SWIFT = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", re.ASCII)
_UPI_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_MSISDN = re.compile(r"250\d{9}", re.ASCII)
_UPI_PHONE = re.compile(r"\d{1,4}-\d{4,14}", re.ASCII)
# The guides' own samples are shorter than real numbers: an ABA number of eight digits, an IBAN of sixteen characters.
_ROUTING: Final = {
    "aba": (re.compile(r"\d{8,9}", re.ASCII), "an ABA number of nine digits"),
    "sort": (re.compile(r"\d{2}-?\d{2}-?\d{2}", re.ASCII), "a sort code of six digits"),
    "iban": (re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{10,30}", re.ASCII), "an IBAN without spaces"),
}

_BANK_TEXTS: Final = (
    *("account_number", "account_holder_name", "bank_name", "country", "email", "phone_number", "routing_number"),
    "swift",
)


def read_destination(data: Params) -> JsonObject:
    """Read ``destination_data``: the type, and under its name the details."""
    type = data.choice("destination_type", TYPES) or ""
    if not type:
        raise missing(data.named("destination_type"))
    details = data.need_within(type)
    if not any(details.given(name) for name in details.values):
        raise missing(details.place)
    match type:
        case "bank_account":
            read = _bank_account(details)
        case "alipay":
            read = _texts(details, ("user_id", "first_name", "last_name"), need=("user_id", "first_name"))
        case "upi":
            read = _upi(details)
        case "mobile_money":
            read = _mobile_money(details)
        case "imps":
            # The reference does not say what it holds; an answer to upi shows it with the same fields.
            read = {**(data.as_sent(type) or {}), **_texts(details, ("vpa", "phone_number"))}
        case _:
            read = data.as_sent(type) or {}
    return {"destination_type": type, type: read}


def check_currency(destination: JsonObject, currency: str, *, param: str) -> None:
    """Refuse a currency in which a destination cannot be paid.

    Raises:
        SandboxError: 400, mobile money is paid in Rwandan francs only.
    """
    if destination["destination_type"] == "mobile_money" and currency != MOBILE_MONEY_CURRENCY:
        raise invalid(param, f"{MOBILE_MONEY_CURRENCY} for a payout to mobile money")


def _texts(details: Params, names: tuple[str, ...], *, need: tuple[str, ...] = ()) -> JsonObject:
    return {
        name: details.need_text(name) if name in need else details.text(name)
        for name in names
        if name in need or details.given(name)
    }


def _upi(details: Params) -> JsonObject:
    names = ("vpa", "phone_number")
    read = _texts(details, names, need=names)
    if not _UPI_ADDRESS.fullmatch(read["vpa"]):
        raise invalid(details.named("vpa"), "a UPI address such as somebody@bank")
    if not _UPI_PHONE.fullmatch(read["phone_number"]):
        raise invalid(details.named("phone_number"), "a country's prefix, a hyphen and a number, as in 91-8276831583")
    return read


def _mobile_money(details: Params) -> JsonObject:
    read = _texts(details, ("msisdn", "provider", "name"), need=("msisdn", "provider"))
    if not _MSISDN.fullmatch(read["msisdn"]):
        raise invalid(
            details.named("msisdn"), "a phone number in Rwanda: 250 and nine digits without a plus, as in 250788123456"
        )
    details.choice("provider", MOBILE_MONEY_PROVIDERS)
    return read


def _bank_account(details: Params) -> JsonObject:
    read: JsonObject = {
        **_texts(details, _BANK_TEXTS, need=("account_number", "account_holder_name")),
        "account_holder_type": details.choice("account_holder_type", HOLDER_TYPES),
        "currency": details.currency("currency"),
        "certificate": _inner(details, "certificate", ("certificate_type", "certificate_number")),
        "dob": _inner(details, "dob", ("day", "month", "year")),
        "routing_type": details.choice("routing_type", ROUTING_TYPES),
    }
    country = read.get("country")
    if country is not None:
        if not _COUNTRY.fullmatch(country):
            raise invalid(details.named("country"), "a country code of two letters, such as GB")
        read["country"] = country.upper()
    swift = read.get("swift")
    if swift is not None and not _SWIFT.fullmatch(swift):
        raise invalid(details.named("swift"), "a SWIFT code of eight or eleven letters and digits")
    _check_country(details, read)
    return {name: value for name, value in read.items() if value is not None}


def _inner(details: Params, name: str, parts: tuple[str, ...]) -> JsonObject | None:
    inner = details.within(name)
    return _texts(inner, parts, need=parts) if inner is not None else None


def _check_country(details: Params, read: JsonObject) -> None:
    country: str | None = read.get("country")
    match country:
        case "CN":
            _need(details, read, _CHINA)
        case "ZA" | None:
            # South Africa's guide sends no country: what it asks for instead is how such an account is told.
            if country is None and read["certificate"] is None:
                raise missing(details.named("country"))
            _need(details, read, ("bank_name", "certificate"))
        case _:
            pass
    expected = _ROUTING_OF.get(country or "")
    if expected is not None:
        _need(details, read, ("routing_type", "routing_number"))
        if read["routing_type"] != expected:
            raise invalid(details.named("routing_type"), f"{expected} for a bank account in {country}")
    if read["routing_type"] is not None:
        _need(details, read, ("routing_number",))
        form, name = _ROUTING[read["routing_type"]]
        if not form.fullmatch(read["routing_number"]):
            raise invalid(details.named("routing_number"), name)


def _need(details: Params, read: JsonObject, names: tuple[str, ...]) -> None:
    for name in names:
        if not read.get(name):
            raise SandboxError(
                f"The parameter {details.named(name)} is required for a bank account in"
                f" {read.get('country') or 'South Africa'}.",
                code="parameter_missing",
                param=details.named(name),
            )
