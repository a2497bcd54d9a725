"""Customers: made, read, changed."""

from __future__ import annotations

from sandbox.rig import Api


async def test_nothing_is_required(api: Api) -> None:
    customer = await api.make("/v1/customers", {"email": "ada@example.com"})
    assert customer.keys() == {"id", "object", "created", "livemode", "address", "metadata", "email"}
    assert (customer["address"], customer["metadata"]) == ({}, {})
    assert await api.find(f"/v1/customers/{customer['id']}") == customer


async def test_update_changes_what_is_sent(api: Api) -> None:
    customer = await api.make("/v1/customers", {"email": "a@example.com", "name": "Ada", "metadata": {"a": "1"}})
    path = f"/v1/customers/{customer['id']}"
    changed = await api.make(path, {"name": "Ada L.", "address": {"city": "London"}, "metadata": {"b": "2"}})
    assert (changed["email"], changed["name"], changed["address"]) == ("a@example.com", "Ada L.", {"city": "London"})
    assert changed["metadata"] == {"a": "1", "b": "2"}


async def test_an_empty_text_removes(api: Api) -> None:
    customer = await api.make("/v1/customers", {"name": "Ada", "metadata": {"a": "1"}})
    changed = await api.make(f"/v1/customers/{customer['id']}", {"name": "", "metadata": ""})
    assert "name" not in changed
    assert changed["metadata"] == {}
