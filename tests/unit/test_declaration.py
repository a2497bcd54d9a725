"""One signature is the declaration: what it gives at run time, to ``help()``, and to editors."""

from __future__ import annotations

import importlib
import inspect
import pydoc
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.effects import KEY, ScriptedClient

from wooshpay import UNSET, AsyncWooshPay, ListObject, RequestOptions, Unset, WooshPay
from wooshpay.api.refunds import Refund, Refunds
from wooshpay.core.bound import BoundOperation, BoundWaiting
from wooshpay.core.declaration import Operation, Resource, Sync, W, delete, get, paged, post
from wooshpay.core.request import Call

# Both are untyped.
jedi: Any = importlib.import_module("jedi")
PLAIN: Any = vars(pydoc)["plaintext"]


class Caller:
    """Writes down what a resource asks for."""

    operation = list_operation = BoundOperation
    waiting = BoundWaiting

    def __init__(self) -> None:
        self.asked: list[tuple[str, Call, Any]] = []

    def call(self, call: Call, returns: Any) -> Any:
        self.asked.append(("call", call, returns))

    def call_with_response(self, call: Call, returns: Any) -> Any:
        self.asked.append(("with_response", call, returns))

    def page(self, call: Call, returns: Any) -> Any:
        self.asked.append(("page", call, returns))

    def wait(self, wait: Any) -> Any:
        self.asked.append(("wait", wait.call, wait.returns))

    def compose(self, work: Any) -> Any:
        self.asked.append(("compose", work, None))

    def with_pipeline(self, pipeline: Any) -> Caller:
        return self

    def close(self) -> Any:
        return None


class Things(Resource[W]):
    @post("/v1/things", wire={"off_session": "off-session"})
    def create(
        self,
        *,
        amount: int,
        off_session: bool | Unset = UNSET,
        merchant_order_id: str | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> Refund:
        """Make a thing.

        Inferred: all of it.

        Reference: Create a thing
        """
        raise NotImplementedError

    @get("/v1/things/{thing_id}/parts/{part_id}", publishable=True)
    def part(self, thing_id: str, part_id: str, /, *, options: RequestOptions | None = None) -> Refund:
        """Get a part."""
        raise NotImplementedError

    @paged("/v1/things", params_in="query+body")
    def list(self, *, limit: int | Unset = UNSET, options: RequestOptions | None = None) -> ListObject[Refund]:
        """List things."""
        raise NotImplementedError

    @delete("/v1/things/{thing_id}")
    def delete(self, thing_id: str, /, *, why: str | Unset = UNSET, options: RequestOptions | None = None) -> Refund:
        """Delete a thing."""
        raise NotImplementedError


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.fixture
def things(caller: Caller) -> Things[Sync]:
    return Things(caller)


def asked(caller: Caller) -> Call:
    return caller.asked[-1][1]


# ---- where parameters go --------------------------------------------------------------------------------------


def test_parameters_of_a_post_go_into_the_body_under_their_wire_names(caller: Caller, things: Things[Sync]) -> None:
    things.create(amount=5, off_session=True, merchant_order_id=None)
    call = asked(caller)
    assert (call.method, call.path, call.query) == ("POST", "/v1/things", {})
    assert call.body == {"amount": 5, "off-session": True, "merchant_order_id": None}
    assert caller.asked[-1][2] is Refund


def test_parameters_of_a_list_go_both_ways_where_it_is_declared_so(caller: Caller, things: Things[Sync]) -> None:
    things.list(limit=3)
    kind, call, returns = caller.asked[-1]
    assert (kind, call.query, call.body, returns) == ("page", {"limit": 3}, {"limit": 3}, ListObject[Refund])
    things.list()
    assert (asked(caller).query, asked(caller).body) == ({}, None), "a GET without filters has no body"


def test_a_delete_has_a_body_only_when_there_is_something_to_say(caller: Caller, things: Things[Sync]) -> None:
    things.delete("th_1")
    assert (asked(caller).method, asked(caller).path, asked(caller).body) == ("DELETE", "/v1/things/th_1", None)
    things.delete("th_1", why="old")
    assert asked(caller).body == {"why": "old"}


def test_options_are_no_parameter(caller: Caller, things: Things[Sync]) -> None:
    options = RequestOptions(timeout=3)
    things.create(amount=5, options=options)
    assert asked(caller).options is options
    assert asked(caller).body == {"amount": 5}


def test_the_raw_answer_is_asked_for_with_the_same_arguments(caller: Caller, things: Things[Sync]) -> None:
    things.part.with_response("a", "b")
    assert caller.asked[-1][0] == "with_response"
    assert asked(caller).path == "/v1/things/a/parts/b"


def test_what_is_required_the_server_judges(caller: Caller, things: Things[Sync]) -> None:
    """Type checkers ask for it; at run time WooshPay may have made it optional since."""
    things.create()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert asked(caller).body == {}


def test_publishable_is_declared_by_operation() -> None:
    assert Things.part.publishable
    assert not Things.create.publishable


# ---- ids in the path ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_id", "quoted"),
    [
        ("re_1", "re_1"),
        ("../balance", "..%2Fbalance"),
        ("a/b?c#d", "a%2Fb%3Fc%23d"),
        ("%2F", "%252F"),
        ("%2e%2e", "%252e%252e"),
        ("a b", "a%20b"),
        ("ü", "%C3%BC"),
        ("...", "..."),
        ("\\", "%5C"),
        ("a;b=c&d", "a%3Bb%3Dc%26d"),
        ("{part_id}", "%7Bpart_id%7D"),
        ("@host", "%40host"),
    ],
)
async def test_an_id_stays_in_its_place_of_the_path(given_id: str, quoted: str) -> None:
    """An id often comes from a URL of the shop: whoever writes it must not choose the API call."""
    client = ScriptedClient()
    await client.refunds.retrieve(given_id)
    assert client.transport.last.url == f"https://apitest.wooshpay.com/v1/refunds/{quoted}"


@pytest.mark.parametrize("given_id", ["", ".", "..", "a\r\nb", "a\nb", "\x00", "a\x7f", "\ud800"])
def test_what_can_be_no_id_is_refused_before_anything_is_sent(things: Things[Sync], given_id: str) -> None:
    with pytest.raises(ValueError, match=r"delete\(\): thing_id"):
        things.delete(given_id)


@pytest.mark.parametrize("given_id", [None, 5, b"re_1", ["re_1"], Refund])
def test_an_id_that_is_no_text_is_refused_by_name(things: Things[Sync], given_id: Any) -> None:
    """``retrieve(None)`` would otherwise read the object with the id "None"."""
    with pytest.raises(TypeError, match=r"thing_id must be an id as text"):
        things.delete(given_id)


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_pair_of_ids_can_change_the_path(thing: str, part: str) -> None:
    caller = Caller()
    things: Things[Sync] = Things(caller)
    try:
        things.part(thing, part)
    except ValueError:
        return
    path = asked(caller).path
    parts = urlsplit(f"https://h{path}")
    assert (parts.path, parts.query, parts.fragment) == (path, "", "")
    assert [unquote(segment) for segment in path.split("/")] == ["", "v1", "things", thing, "parts", part]


# ---- wrong arguments ------------------------------------------------------------------------------------------


def test_an_unknown_parameter_is_refused_with_the_near_one(things: Things[Sync]) -> None:
    wrong: dict[str, Any] = {"merchant_orderid": "x"}
    with pytest.raises(TypeError, match=r"'merchant_orderid'\. Did you mean 'merchant_order_id'") as caught:
        things.create(amount=1, **wrong)
    assert "extra_body" in str(caught.value), "and it says how to send one that is new"
    far: dict[str, Any] = {"zzz": 1}
    with pytest.raises(TypeError, match="no parameter 'zzz'") as caught:
        things.create.with_response(amount=1, **far)
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize("args", [(), ("a",), ("a", "b", "c")])
def test_the_number_of_ids_must_fit(things: Things[Sync], args: Any) -> None:
    with pytest.raises(TypeError, match=rf"takes 2 positional argument\(s\) \(thing_id, part_id\), got {len(args)}"):
        things.part(*args)


def test_parameters_are_never_positional(things: Things[Sync]) -> None:
    """``create(1999, "USD")`` would mean something else when a parameter is added."""
    with pytest.raises(TypeError, match="keyword arguments only"):
        things.create(5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_ids_may_be_given_by_name(caller: Caller, things: Things[Sync]) -> None:
    """Frameworks that call an operation with the parameters of a request, such as FastAPI, pass all of them by name."""
    anything: Any = things
    for arguments in ({"args": (), "part_id": "pt_1", "thing_id": "th_1"}, {"args": ("th_1",), "part_id": "pt_1"}):
        named = dict(arguments)
        anything.part(*named.pop("args"), **named)
        assert asked(caller).path == "/v1/things/th_1/parts/pt_1"


def test_an_id_that_is_given_twice_or_without_the_others_is_refused_with_the_right_way(things: Things[Sync]) -> None:
    anything: Any = things
    with pytest.raises(TypeError, match=r"got thing_id twice, or not all IDs: call .*delete\(thing_id, \.\.\.\)"):
        anything.delete("th_1", thing_id="th_1")
    with pytest.raises(TypeError, match=r"got part_id twice, or not all IDs: call .*part\(thing_id, part_id, \.\.\.\)"):
        anything.part(part_id="pt_1")


async def test_a_wrong_argument_fails_at_the_call_and_not_at_the_await() -> None:
    """The traceback must point at the line with the mistake, and no coroutine may be left over."""
    client: Any = AsyncWooshPay(KEY)
    with pytest.raises(TypeError, match="payment_intent"):
        client.refunds.create(payment_intnt="x")


def test_a_declaration_whose_path_and_signature_differ_is_refused() -> None:
    def too_few(self: Any, *, options: RequestOptions | None = None) -> Refund:
        raise NotImplementedError

    def too_many(self: Any, a: str, b: str, /) -> Refund:
        raise NotImplementedError

    def swapped(self: Any, b: str, a: str, /) -> Refund:
        raise NotImplementedError

    def by_name(self: Any, a: str) -> Refund:
        raise NotImplementedError

    for path, function in (
        ("/v1/things/{a}", too_few),
        ("/v1/things/{a}", too_many),
        ("/v1/things", too_many),
        ("/v1/things/{a}/{b}", swapped),
        ("/v1/things/{a}", by_name),
    ):
        with pytest.raises(TypeError, match="must match the path"):
            Operation(function, "GET", path, params_in="query")


# ---- what people and tools see --------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [AsyncWooshPay(KEY), WooshPay(KEY)], ids=["async", "sync"])
def test_help_shows_the_real_parameters_and_the_docstring(client: Any) -> None:
    create = client.refunds.create
    signature = inspect.signature(create)
    assert list(signature.parameters) == ["payment_intent", "amount", "reason", "metadata", "options"]
    assert all(param.kind is inspect.Parameter.KEYWORD_ONLY for param in signature.parameters.values())
    shown = pydoc.render_doc(create, renderer=PLAIN)
    assert "payment_intent: " in shown
    assert "Refund a payment, whole or in part." in shown
    whole = pydoc.render_doc(client.refunds, renderer=PLAIN)
    assert "create" in whole
    assert "retrieve" in whole
    assert inspect.getdoc(create) is not None
    assert (create.__name__, create.__qualname__) == ("create", "Refunds.create")
    assert "refunds.create: POST /v1/refunds" in repr(create)


def test_the_declaration_can_be_read_from_the_class() -> None:
    """The command line, the sandbox and the documentation are made from it."""
    declared = Refunds.create
    assert (declared.name, declared.method, declared.path) == ("refunds.create", "POST", "/v1/refunds")
    assert declared.reference == "Create a refund"
    assert declared.returns is Refund
    assert (Things.create.inferred, Things.create.reference) == ("all of it.", "Create a thing")
    assert Things.part.inferred is None
    assert (Things.list.is_list, Things.create.is_list) == (True, False)


def test_the_name_comes_from_the_section() -> None:
    """``refunds.create`` in errors and logs is what the user wrote after ``client.``"""
    from wooshpay.api.checkout.sessions import Sessions

    assert Sessions.expire.name == "checkout.sessions.expire"
    assert Refunds.retrieve.name == "refunds.retrieve"


def test_two_clients_do_not_share_a_bound_operation() -> None:
    first, second = ScriptedClient(), ScriptedClient()
    assert first.refunds is first.refunds, "a section is made once"
    assert first.refunds is not second.refunds
    assert first.refunds.create is not second.refunds.create


# ---- the escape hatch -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/v1/balance", "/v1/things/th_1/do", "/v1/a%2Fb", "/v1/things/a.b", "/v2/x-y_z~", "/v1/..."],
)
async def test_any_plain_path_can_be_called(path: str) -> None:
    client = ScriptedClient()
    await client.request("GET", path)
    assert client.transport.last.url == f"https://apitest.wooshpay.com{path}"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "v1/balance",
        "https://evil.example/v1",
        "//evil.example/v1",
        "@evil.example/v1",
        "/v1/../balance",
        "/v1/./balance",
        "/v1/..",
        "/v1/%2e%2E/balance",
        "/v1/.%2e",
        "/v1/balance?x=1",
        "/v1/balance#x",
        "/v1/a b",
        "/v1/a%zz",
        "/v1/\u00fc",
        "/v1/a\r\nb",
        "/v1/balance\n",
        "/v1\\balance",
        "/v1/balance/",
        None,
        5,
        b"/v1/balance",
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused(path: Any) -> None:
    """A path built from user input must not carry the key to another place."""
    client: Any = ScriptedClient()
    with pytest.raises(ValueError, match="the path must look like"):
        client.request("GET", path)


def test_the_escape_hatch_says_what_it_takes() -> None:
    client: Any = ScriptedClient()
    for method in ("PUT", "get", "", None):
        with pytest.raises(ValueError, match="GET, POST or DELETE"):
            client.request(method, "/v1/balance")
    wrong: list[Any] = [(), ("/v1/balance",), ("GET", "/v1/balance", {})]
    for args in wrong:
        with pytest.raises(TypeError, match="a verb and a path"):
            client.request(*args)
    with pytest.raises(TypeError, match="Did you mean 'query'"):
        client.request("GET", "/v1/balance", querry={})


# ---- editors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["AsyncWooshPay", "WooshPay"])
def test_an_editor_completes_the_parameters(client: str) -> None:
    """Jedi is what Jupyter, IPython and many editors ask; it knows nothing of descriptors but what it can follow."""
    program = f"from wooshpay import {client}\nclient = {client}()\n"

    def completed(line: str) -> set[str]:
        return {found.name for found in jedi.Script(program + line).complete()}

    assert {"refunds", "payment_intents", "checkout", "request", "with_options"} <= completed("client.")
    assert {"create", "retrieve"} <= completed("client.refunds.")
    expected = {"payment_intent=", "amount=", "reason=", "metadata=", "options="}
    assert expected <= completed("client.refunds.create(")
    assert {"limit=", "starting_after="} <= completed("client.payment_intents.list(")
    assert {"query=", "body="} <= completed("client.request(")
    assert {"success_url=", "line_items="} <= completed("client.checkout.sessions.create(")
