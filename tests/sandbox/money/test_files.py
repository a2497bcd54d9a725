"""Files: uploaded in a form, described, read back, thrown away."""

from __future__ import annotations

import aiohttp
import pytest
from sandbox.rig import Api, Reply
from sandbox.test_shapes import check

from wooshpay.sandbox import Sandbox

PNG = b"\x89PNG\r\n\x1a\n\x00\xff\r\n--x"
DAY = 86_400


async def upload(
    api: Api, content: bytes = PNG, name: str = "bill.PNG", purpose: str = "dispute_evidence", key: str | None = None
) -> Reply:
    form = (
        b'--frontier\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n' + purpose.encode() + b"\r\n"
        b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="' + name.encode() + b'"\r\n'
        b"Content-Type: image/png\r\n\r\n" + content + b"\r\n--frontier--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=frontier"}
    if key is not None:
        headers["Idempotency-Key"] = key
    return await api.send("POST", "/v1/files", data=form, headers=headers)


async def test_row_created_and_described_in_seconds(api: Api, sandbox: Sandbox) -> None:
    sandbox.clock.freeze()
    file = (await upload(api)).body
    check(file)
    assert file["id"].startswith("file_")
    assert (file["filename"], file["type"], file["size"]) == ("bill.PNG", "png", len(PNG))
    assert file["purpose"] == "dispute_evidence"
    assert file["created"] == sandbox.clock.second // 1000
    assert file["expires_at"] == file["created"] + 270 * DAY
    assert "livemode" not in file
    assert await api.find(f"/v1/files/{file['id']}") == file


async def test_the_url_gives_the_content_to_the_secret_key_only(api: Api, sandbox: Sandbox) -> None:
    url = (await upload(api)).body["url"]
    async with api.session.get(url, headers={"Authorization": api.authorization}) as response:
        assert (response.status, await response.read()) == (200, PNG)
        assert response.headers["Content-Disposition"] == "attachment; filename*=UTF-8''bill.PNG"
    for key, status in ((None, 401), (sandbox.publishable_key, 403), ("sk_test_other", 401)):
        headers = {"Authorization": aiohttp.encode_basic_auth(key, "")} if key else {}
        async with api.session.get(url, headers=headers) as response:
            assert response.status == status
            assert "error" in await response.json()
    async with api.session.get(
        url.replace("file_", "file_9"), headers={"Authorization": api.authorization}
    ) as response:
        assert response.status == 404
        assert (await response.json())["error"]["code"] == "resource_missing"


async def test_row_thrown_away_after_270_days(api: Api, sandbox: Sandbox) -> None:
    file = (await upload(api)).body
    sandbox.clock.advance(days=269)
    assert (await api.get(f"/v1/files/{file['id']}")).status == 200
    sandbox.clock.advance(days=1, seconds=1)
    assert (await api.get(f"/v1/files/{file['id']}")).status == 404
    async with api.session.get(file["url"], headers={"Authorization": api.authorization}) as response:
        assert response.status == 404


@pytest.mark.parametrize(("name", "type"), [("a.tar.GZ", "gz"), ("scan", "png"), ("", "png")])
async def test_the_type_is_the_extension_or_what_the_sender_says(api: Api, name: str, type: str) -> None:
    assert (await upload(api, name=name)).body["type"] == type


async def test_refused_and_not_kept(api: Api, sandbox: Sandbox) -> None:
    for reply, code, param in (
        (await upload(api, purpose="fun"), "parameter_invalid", "purpose"),
        (await upload(api, purpose=""), "parameter_invalid", "purpose"),
        (await upload(api, content=b""), "file_empty", "file"),
        (await api.post("/v1/files", {"purpose": "dispute_evidence"}), "parameter_missing", "file"),
        (await api.post("/v1/files", {"file": "bill.png", "purpose": "dispute_evidence"}), "parameter_invalid", "file"),
    ):
        assert (reply.status, reply.error["code"], reply.error["param"]) == (400, code, param)
    assert sandbox.store.count("file") == 0


async def test_one_key_makes_one_file(api: Api, sandbox: Sandbox) -> None:
    first, again = await upload(api, key="k"), await upload(api, key="k")
    assert first.body == again.body
    assert sandbox.store.count("file") == 1
    assert (await upload(api, content=b"other", key="k")).status == 409
