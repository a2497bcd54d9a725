"""Evidence in disputes: merged, staged, submitted, refused when it is wrong or late."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.money.kit import WITHDRAWN, disputed, do, say, seen, try_to, types_of
from sandbox.money.test_files import upload
from sandbox.rig import Api
from sandbox.test_shapes import check

from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.rules.evidence import FILES, KEYS

PATH = "/v1/disputes"


async def test_all_keys_are_answered_with_null_until_something_is_said(api: Api) -> None:
    dispute = await disputed(api)
    assert dispute["evidence"] == dict.fromkeys(KEYS)
    assert len(KEYS) == 27


async def test_evidence_is_merged_key_by_key_and_kept_until_submitted(api: Api, sandbox: Sandbox) -> None:
    id = (await disputed(api))["id"]
    await api.make(f"{PATH}/{id}", {"evidence": {"customer_name": "Ada", "service_date": "May"}, "submit": False})
    staged = await api.make(f"{PATH}/{id}", {"evidence": {"service_date": "", "receipt": None}, "submit": "false"})
    check(staged)
    assert staged["evidence"] == {**dict.fromkeys(KEYS), "customer_name": "Ada"}
    assert staged["status"] == "needs_response"
    details = {name: staged["evidence_details"][name] for name in ("has_evidence", "past_due", "submission_count")}
    assert details == {"has_evidence": True, "past_due": False, "submission_count": 0}
    submitted = await api.make(f"{PATH}/{id}", {"submit": True})
    assert (submitted["status"], submitted["evidence"]["customer_name"]) == ("under_review", "Ada")
    assert submitted["evidence_details"]["has_evidence"] is False
    assert types_of(sandbox, id) == [*WITHDRAWN, *["charge.dispute.updated"] * 3]


async def test_metadata_alone_submits_nothing_and_changes_at_any_time(api: Api, sandbox: Sandbox) -> None:
    id = (await disputed(api))["id"]
    changed = await api.make(f"{PATH}/{id}", {"metadata": {"case": "7"}})
    assert (changed["status"], changed["metadata"]) == ("needs_response", {"case": "7"})
    await api.make(f"{PATH}/{id}/close")
    assert (await api.make(f"{PATH}/{id}", {"metadata": {"a": "1"}}))["metadata"] == {"case": "7", "a": "1"}
    before = len(sandbox.store.events())
    await api.make(f"{PATH}/{id}", {})
    assert len(sandbox.store.events()) == before


async def test_a_file_in_evidence_is_there_and_meant_for_it(api: Api) -> None:
    dispute = await disputed(api)
    path = f"{PATH}/{dispute['id']}"
    good = (await upload(api)).body["id"]
    wrong = (await upload(api, purpose="business_logo")).body["id"]
    for name in FILES:
        missing = await api.post(path, {"evidence": {name: "file_1"}})
        assert (missing.status, missing.error["param"]) == (404, f"evidence[{name}]")
    reply = await api.post(path, {"evidence": {"customer_name": "Ada", "receipt": wrong}})
    assert (reply.status, reply.error["param"]) == (400, "evidence[receipt]")
    assert "dispute_evidence" in reply.error["message"]
    assert await seen(api, dispute["id"]) == dispute
    kept = await api.make(path, {"evidence": {"receipt": good}})
    assert (kept["evidence"]["receipt"], kept["status"]) == (good, "under_review")


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"evidence": {"alibi": "x"}}, "parameter_unknown", "evidence[alibi]"),
        ({"evidence": "x"}, "parameter_invalid", "evidence"),
        ({"evidence": {"receipt": {}}}, "parameter_invalid", "evidence[receipt]"),
        ({"evidence": {"uncategorized_text": "x" * 150_001}}, "evidence_too_large", "evidence"),
        ({"submit": True}, "parameter_missing", "evidence"),
        ({"submit": "perhaps"}, "parameter_invalid", "submit"),
        ({"metadata": "x", "evidence": {"customer_name": "x"}}, "parameter_invalid", "metadata"),
    ],
)
async def test_refused_evidence_leaves_the_dispute_as_it_was(
    api: Api, body: dict[str, Any], code: str, param: str
) -> None:
    dispute = await disputed(api)
    reply = await api.post(f"{PATH}/{dispute['id']}", body)
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, code, param)
    assert await seen(api, dispute["id"]) == dispute


@pytest.mark.parametrize("state", ["under_review", "won", "lost", "warning_under_review", "warning_closed"])
async def test_too_late_for_evidence_and_closing(api: Api, state: str) -> None:
    id = (await disputed(api, inquiry=state.startswith("warning")))["id"]
    if state.endswith("under_review"):
        await say(api, id, "x")
    elif state == "lost":
        await do(api, "disputes.lose", dispute=id)
    else:
        await do(api, "disputes.win", dispute=id)
    before = await seen(api, id)
    assert before["status"] == state
    for reply in (
        await api.post(f"{PATH}/{id}", {"evidence": {"customer_name": "Ada"}, "metadata": {"a": "1"}}),
        await api.post(f"{PATH}/{id}/close"),
    ):
        assert (reply.status, reply.error["code"]) == (400, "dispute_unexpected_state")
        assert state in reply.error["message"]
    if not state.endswith("under_review"):
        for act in ("win", "lose"):
            assert (await try_to(api, f"disputes.{act}", dispute=id)).error["code"] == "dispute_unexpected_state"
    assert await seen(api, id) == before
