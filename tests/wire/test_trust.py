"""Whom the client trusts: certificates are always verified, whatever the environment says."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
from support.peer import Peer, reply

import wooshpay
from wooshpay.core.request import Method

# What switches verification off, or changes it, in other tools and libraries.
SWITCHES = {
    "PYTHONHTTPSVERIFY": "0",
    "CURL_CA_BUNDLE": "",
    "REQUESTS_CA_BUNDLE": "",
    "NODE_TLS_REJECT_UNAUTHORIZED": "0",
    "GIT_SSL_NO_VERIFY": "1",
    "SSL_VERIFY": "0",
    "SSL_NO_VERIFY": "1",
    "AIOHTTP_SSL_VERIFY": "0",
    "WOOSHPAY_VERIFY": "0",
    "WOOSHPAY_VERIFY_SSL": "0",
}
OPENSSL_CONF = """
openssl_conf = main
[main]
ssl_conf = ssl
[ssl]
system_default = off
[off]
VerifyMode = None
"""
PROGRAM = """
import asyncio, sys
from wooshpay import AsyncWooshPay, WooshPay, WooshPayError

async def main():
    async with AsyncWooshPay("sk_live_x", base_url=sys.argv[1], max_retries=0) as client:
        await client.balance.retrieve()

def plain():
    with WooshPay("sk_live_x", base_url=sys.argv[1], max_retries=0) as client:
        client.balance.retrieve()

for call in (lambda: asyncio.run(main()), plain):
    try:
        call()
        print("trusted")
    except WooshPayError as error:
        print(type(error).__name__, error.outcome, "certificate" in error.message)
"""


def server_context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate: Any = authority.issue_cert(name)
    certificate.configure_cert(context)
    return context


async def tell(url: str, environment: dict[str, str]) -> list[str]:
    """Call a server from a process with this environment; give what came of it on either client."""
    path = os.pathsep.join(filter(None, [str(Path(wooshpay.__file__).parents[1]), os.environ.get("PYTHONPATH")]))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, url),
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await child.communicate()
    return out.decode().splitlines()


async def test_no_variable_of_the_environment_switches_verification_off(tmp_path: Path) -> None:
    config, nothing = tmp_path / "openssl.cnf", tmp_path / "empty.pem"
    config.write_text(OPENSSL_CONF)
    nothing.write_text("")
    trusted_nowhere = {"SSL_CERT_FILE": str(nothing), "SSL_CERT_DIR": str(tmp_path)}
    async with Peer(reply(200, {}), tls=server_context(trustme.CA(), "127.0.0.1")) as peer:
        for environment in ({**SWITCHES, "OPENSSL_CONF": str(config)}, {**SWITCHES, **trusted_nowhere}):
            assert await tell(peer.url, environment) == ["ConnectError not_sent True"] * 2
        assert peer.requests == []


async def test_an_authority_that_the_user_trusts_is_trusted_for_its_own_names_only(tmp_path: Path) -> None:
    """``SSL_CERT_FILE`` is how OpenSSL is told of a company's own authority; it must not weaken anything else."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    environment = {"SSL_CERT_FILE": str(tmp_path / "authority.pem")}
    async with Peer(reply(200, {}), tls=server_context(authority, "127.0.0.1")) as peer:
        assert await tell(peer.url, environment) == ["trusted"] * 2
    async with Peer(reply(200, {}), tls=server_context(authority, "other.example")) as peer:
        assert await tell(peer.url, environment) == ["ConnectError not_sent True"] * 2
        assert peer.requests == []


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_no_redirect_takes_the_key_along(status: int) -> None:
    methods: tuple[Method, ...] = ("GET", "POST", "DELETE")
    for method in methods:
        async with Peer(reply(200, {})) as elsewhere:
            for target in (elsewhere.url, "//" + elsewhere.url.partition("//")[2], "/v1/other"):
                async with Peer(reply(status, b"", {"Location": target})) as peer:
                    async with wooshpay.AsyncWooshPay("sk_test_x", base_url=peer.url) as client:
                        with pytest.raises(wooshpay.APIError, match="redirect"):
                            await client.request(method, "/v1/x")
                    assert len(peer.requests) == 1
            assert elsewhere.requests == []


@pytest.mark.parametrize("place", ["call_middlewares", "attempt_middlewares"])
async def test_a_middleware_cannot_send_a_live_key_in_the_clear(place: str) -> None:
    """One that moves calls to a recorder on http would show the key to everybody on the way."""

    async def move(request: Any, call_next: Any) -> Any:
        import attrs

        return await call_next(attrs.evolve(request, url=request.url.replace("https://api.wooshpay.com", peer.url)))

    async with Peer(reply(200, {})) as peer:
        settings: dict[str, Any] = {place: [move]}
        async with wooshpay.AsyncWooshPay("sk_live_x", **settings) as client:
            with pytest.raises(wooshpay.ConfigurationError, match="plain http") as caught:
                await client.balance.retrieve()
        assert caught.value.outcome == "not_sent"
        assert peer.requests == []
        async with wooshpay.AsyncWooshPay("sk_test_x", base_url=peer.url, **settings) as client:
            await client.balance.retrieve()
        assert len(peer.requests) == 1
