"""Bodies in each form that clients send: JSON, form fields with brackets, multipart with a file."""

from __future__ import annotations

import base64
import io
from typing import Any
from urllib.parse import urlencode

import pytest
from sandbox.rig import GOOD, Api, payment

from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.requests.fitting import fit_of
from wooshpay.sandbox.requests.reading import read_body, read_query, visible

FORM = "application/x-www-form-urlencoded"
BOUNDARY = "----seam"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def form(*parts: tuple[str, bytes]) -> bytes:
    """A multipart body of heads and contents."""
    seam = f"--{BOUNDARY}".encode()
    return b"".join(seam + b"\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts) + (
        seam + b"--\r\n"
    )


def field(name: str, value: str) -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="{name}"', value.encode()


def file(name: str, filename: str, content: bytes, kind: str = "image/png") -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: {kind}', content


# ---- JSON


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "text/plain", ""])
async def test_json_is_read_under_any_type_that_is_no_form(api: Api, kind: str) -> None:
    reply = await api.send("POST", "/v1/customers", {"name": "Zoë"}, headers={"Content-Type": kind})
    assert (reply.status, reply.body["name"]) == (200, "Zoë")


async def test_json_without_a_type(api: Api, sandbox: Sandbox) -> None:
    async with api.session.post(
        sandbox.base_url + "/v1/customers",
        data=b'{"name": "Ada"}',
        headers={"Authorization": api.authorization},
        skip_auto_headers=["Content-Type"],
    ) as response:
        assert (await response.json())["name"] == "Ada"
        assert response.request_info.headers.get("Content-Type") is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": 1e999}',
        rb'{"name": "\ud800"}',
        rb'{"\udfff": "x"}',
        b'{"name": ' + b"[" * 50 + b"]" * 50 + b"}",
        b'{"metadata": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
        b'{"metadata": {"n": 9223372036854775808}}',
        b'{"name": "\xff"}',
        b'{"name": "a"} x',
    ],
    ids=range(10),
)
async def test_what_is_no_json_or_could_not_be_answered_is_refused(api: Api, sandbox: Sandbox, body: bytes) -> None:
    reply = await api.send("POST", "/v1/customers", data=body)
    assert (reply.status, reply.error["type"]) == (400, "invalid_request_error")
    assert sandbox.store.kinds() == []


async def test_filters_are_read_in_the_query_and_in_the_body(api: Api) -> None:
    for _ in range(3):
        await api.make("/v1/payment_intents", payment())
    path = "/v1/payment_intents"
    assert len((await api.get(path, query={"limit": "2"})).body["data"]) == 2
    assert len((await api.get(path, {"limit": 1})).body["data"]) == 1
    both = await api.send(
        "GET", path, data=b"limit=1", query={"limit": "2", "created[gte]": "0"}, headers={"Content-Type": FORM}
    )
    assert len(both.body["data"]) == 1


# ---- form fields


async def post_form(api: Api, path: str, **fields: str) -> Any:
    data = urlencode(fields).encode()
    return await api.send("POST", path, data=data, headers={"Content-Type": FORM})


async def test_a_form_does_what_json_does(api: Api) -> None:
    fields = {
        "amount": "2000",
        "currency": "usd",
        "confirm": "true",
        "payment_method_types[]": "card",
        "payment_method_data[type]": "card",
        "payment_method_data[card][number]": GOOD,
        "payment_method_data[card][exp_month]": "12",
        "payment_method_data[card][exp_year]": "2090",
        "payment_method_data[card][cvc]": "123",
        "metadata[order]": "1001 & more",
        "metadata[2]": "kept as a name",
    }
    reply = await post_form(api, "/v1/payment_intents", **fields)
    assert reply.status == 200, reply.body
    assert (reply.body["status"], reply.body["amount"]) == ("succeeded", 2000)
    assert reply.body["metadata"] == {"order": "1001 & more", "2": "kept as a name"}


async def test_lists_of_objects_in_a_form(api: Api) -> None:
    fields = {
        "mode": "payment",
        "success_url": "https://shop.example/",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "500",
        "line_items[0][price_data][product_data][name]": "Tea",
        "line_items[0][quantity]": "2",
        "line_items[1][price_data][currency]": "usd",
        "line_items[1][price_data][unit_amount]": "50",
        "line_items[1][price_data][product_data][name]": "Cup",
        "line_items[1][quantity]": "1",
    }
    reply = await post_form(api, "/v1/checkout/sessions", **fields)
    assert (reply.status, reply.body["amount_total"]) == (200, 1050)
    refused = await post_form(api, "/v1/checkout/sessions", **{**fields, "line_items[1][quantity]": "x"})
    assert (refused.status, refused.error["param"]) == (400, "line_items[1][quantity]")


def test_brackets_nest() -> None:
    pairs = [("items[][price]", "a"), ("items[][quantity]", "1"), ("items[][price]", "b")]
    assert read_query(pairs) == {"items": [{"price": "a", "quantity": "1"}, {"price": "b"}]}
    assert read_query([("x[10]", "b"), ("x[2]", "a")]) == {"x": ["a", "b"]}
    assert read_query([("x[1a]", "b")]) == {"x": {"1a": "b"}}
    assert read_query([("o[metadata][0]", "b")]) == {"o": {"metadata": {"0": "b"}}}
    assert read_query([("empty", ""), ("metadata", "")]) == {"empty": "", "metadata": ""}


@pytest.mark.parametrize("names", [("a", "a[b]"), ("a", "a[]"), ("a[b]", "a[]"), ("a[]", "a[b]"), ("a[b]", "a[b][c]")])
def test_names_that_contradict_one_another_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(SandboxError, match="another form") as refused:
        read_query([(name, "1") for name in names])
    assert (refused.value.status, refused.value.param) == (400, names[1])


@pytest.mark.parametrize(
    ("body", "hint"),
    [(b'{"name": "Ada"}', "application/json"), (b"a=%FF", "valid form"), (b"a=\xff", "valid form"),
     (b"&".join([b"a=1"] * 1001), "valid form"), (b"a[b" + b"][b" * 9 + b"]=1", "deeply")],
)  # fmt: skip
async def test_a_bad_form_is_refused_and_says_why(api: Api, body: bytes, hint: str) -> None:
    reply = await api.send("POST", "/v1/customers", data=body, headers={"Content-Type": FORM})
    assert reply.status == 400
    assert hint in reply.error["message"]


async def test_a_form_of_other_fields_under_the_same_key_is_another_request(api: Api) -> None:
    headers = {"Content-Type": FORM, "Idempotency-Key": "k"}
    first = await api.send("POST", "/v1/customers", data=b"name=Ada", headers=headers)
    again = await api.send("POST", "/v1/customers", data=b"name=Ada", headers=headers)
    other = await api.send("POST", "/v1/customers", data=b"name=Bob", headers=headers)
    assert first.body == again.body
    assert (other.status, other.error["code"]) == (409, "idempotency_key_reused")


# ---- multipart


def test_a_file_and_fields() -> None:
    content = bytes(range(256)) + b"\r\n--" + b"\r\n\r\n"
    body = form(
        field("purpose", "dispute_evidence"),
        field("metadata[order]", "ä\r\nb"),
        file("file", "%22paper%22 ü.png", content),
    )
    assert read_body(body, MULTIPART) == {
        "purpose": "dispute_evidence",
        "metadata": {"order": "ä\r\nb"},
        "file": {
            "filename": '"paper" ü.png',
            "content_type": "image/png",
            "content": base64.b64encode(content).decode(),
        },
    }


def test_an_empty_file_and_a_preamble() -> None:
    body = b"This is for old mail programs.\r\n" + form(file("file", "", b"", "text/plain"))
    assert read_body(body, f'multipart/form-data; boundary="{BOUNDARY}"') == {
        "file": {"filename": "", "content_type": "text/plain", "content": ""}
    }


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (form(field("a", "1")), "multipart/form-data"),
        (form(field("a", "1")), "multipart/form-data; boundary=other"),
        (form(field("a", "1"))[:-4], MULTIPART),
        (form(field("", "1")), MULTIPART),
        (form(("Content-Type: text/plain", b"1")), MULTIPART),
        (form(("Content-Disposition: attachment; name=a", b"1")), MULTIPART),
        (form(*[field("a[]", "1")] * 1001), MULTIPART),
        (form(("Content-Disposition: form-data; name=a", b"\xff")), MULTIPART),
        (b"nothing", MULTIPART),
        (f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=a\r\n--{BOUNDARY}--\r\n".encode(), MULTIPART),
        (f"--{BOUNDARY}x\r\nContent-Disposition: form-data; name=a\r\n\r\n--{BOUNDARY}--\r\n".encode(), MULTIPART),
    ],
    ids=range(11),
)
async def test_a_broken_multipart_body_is_refused(api: Api, body: bytes, kind: str) -> None:
    reply = await api.send("POST", "/v1/customers", data=body, headers={"Content-Type": kind})
    assert (reply.status, reply.error["code"]) == (400, "invalid_form")


async def test_multipart_fields_are_parameters_too(api: Api) -> None:
    body = form(field("name", "Ada"), field("metadata[a]", "b"))
    reply = await api.send("POST", "/v1/customers", data=body, headers={"Content-Type": MULTIPART})
    assert (reply.body["name"], reply.body["metadata"]) == ("Ada", {"a": "b"})


@pytest.mark.parametrize("kind", ["application/json", FORM, MULTIPART])
async def test_a_body_that_is_too_large_is_413(api: Api, sandbox: Sandbox, kind: str) -> None:
    async with api.session.post(
        sandbox.base_url + "/v1/customers",
        data=io.BytesIO(b"x" * (17 * 1024 * 1024)),
        headers={"Authorization": api.authorization, "Content-Type": kind},
    ) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (413, "body_too_large")


# ---- the log


async def test_the_log_keeps_neither_cards_nor_contents(api: Api, sandbox: Sandbox) -> None:
    data = f"payment_method_data[card][number]={GOOD}&payment_method_data[card][cvc]=987&x=1".encode()
    await api.send("POST", "/v1/payment_intents", data=data, headers={"Content-Type": FORM})
    body = form(field("purpose", "dispute_evidence"), file("file", "a.png", b"secret paper"))
    await api.send("POST", "/v1/customers", data=body, headers={"Content-Type": MULTIPART})
    card, paper = (request.params for request in sandbox.requests)
    assert card["payment_method_data"]["card"] == {"number": "[hidden]", "cvc": "[hidden]"}
    assert paper["file"] == {"filename": "a.png", "content_type": "image/png", "content": "[hidden]"}


async def test_the_log_keeps_no_secret_of_a_path(api: Api, sandbox: Sandbox) -> None:
    await api.get(f"/v1/customers/{GOOD}")
    await api.get("/v1/payment_intents/pi_1_secret_abcdef")
    assert [request.path for request in sandbox.requests] == [
        "/v1/customers/[hidden]",
        "/v1/payment_intents/pi_1_secret_[hidden]",
    ]


def test_files_in_lists_are_hidden_too() -> None:
    inner = {"filename": "a", "content_type": "b", "content": "c"}
    assert visible({"papers": [inner]}) == {"papers": [{**inner, "content": "[hidden]"}]}


# ---- types inside objects and lists


async def test_a_form_is_answered_in_the_declared_types(api: Api) -> None:
    """A form has texts only; an answer with a text where a flag belongs would be no answer of WooshPay's."""
    fields = {
        "mode": "payment",
        "success_url": "https://shop.example/",
        **{f"line_items[0][price_data][{name}]": value for name, value in (("currency", "usd"), ("unit_amount", "50"))},
        "line_items[0][price_data][product_data][name]": "Tea",
        "line_items[0][quantity]": "1",
        "phone_number_collection[enabled]": "true",
    }
    reply = await post_form(api, "/v1/checkout/sessions", **fields)
    assert reply.status == 200, reply.body
    assert reply.body["phone_number_collection"] == {"enabled": True}


async def test_numbers_inside_objects_become_the_texts_that_they_stand_for(api: Api) -> None:
    made = await api.make("/v1/customers", {"name": "Ada", "address": {"postal_code": 10115, "line1": 1.5}})
    assert made["address"] == {"postal_code": "10115", "line1": "1.5"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"address": {"line1": {}}}, "address[line1]"),
        ({"address": {"line1": True}}, "address[line1]"),
        ({"address": []}, "address"),
        ({"shipping": {"address": "London"}}, "shipping[address]"),
        ({"shipping": {"address": {"city": ["London"]}}}, "shipping[address][city]"),
    ],
)
async def test_what_is_not_of_its_type_inside_an_object_is_refused_by_name(
    api: Api, sandbox: Sandbox, body: dict[str, Any], param: str
) -> None:
    reply = await api.post("/v1/customers", {"name": "Ada", **body})
    assert (reply.status, reply.error["param"]) == (400, param)
    assert sandbox.store.kinds() == []


async def test_names_that_are_not_declared_pass(api: Api) -> None:
    assert (await api.post("/v1/customers", {"name": "Ada", "loyalty": {"points": [1]}})).status == 200


@pytest.mark.parametrize(
    ("hint", "value", "fitted"),
    [
        (str | int, 5, 5),
        (str | int, "5", "5"),
        (int | str, "5", "5"),
        (int | None, "5", 5),
        (int | None, None, None),
        (float, "1.5", 1.5),
        (float, 2, 2),
        (list[bool], ["true", False, None], [True, False, None]),
        (dict[str, int], {"a": "1"}, {"a": 1}),
        (dict[str, int], "", ""),
        (list[str], "", ""),
        (Any, {"a": [1]}, {"a": [1]}),
    ],
)
def test_a_value_is_fitted_without_loss(hint: Any, value: Any, fitted: Any) -> None:
    assert fit_of(hint)(value, "x", []) == fitted
    assert type(fit_of(hint)(value, "x", [])) is type(fitted)


@pytest.mark.parametrize(
    ("hint", "value", "place"),
    [
        (int, 1.5, "x"),
        (int, True, "x"),
        (int, "1e3", "x"),
        (float, "much", "x"),
        (float, [], "x"),
        (bool, "yes", "x"),
        (bool, 1, "x"),
        (list[int], [1, "a"], "x[1]"),
        (list[int], {"a": 1}, "x"),
        (dict[str, list[int]], {"a": ["b"]}, "x[a][0]"),
        (int | bool, "a", "x"),
    ],
)
def test_what_cannot_be_told_is_refused(hint: Any, value: Any, place: str) -> None:
    with pytest.raises(SandboxError) as refused:
        fit_of(hint)(value, "x", [])
    assert (refused.value.status, refused.value.param) == (400, place)
