"""The Dockerfile and the compose file of the guide, run without Docker.

Each container is a process with a loopback address of its own, on which it listens and by whose name the others reach
it: what a container's network namespace and Docker's DNS do. That needs no privileges, so nothing is skipped.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import attrs
import pytest
import yaml
from examples.guides import ROOT, Guide
from examples.serving import environment
from sandbox.rig import card_form
from support.children import HANGS

GUIDE: Final = Guide(ROOT / "wooshpay" / "guides" / "containers" / "README.md")
PORTS: Final = {"sandbox": 4242, "shop": 8000}
# Docker's DNS: a name without a dot is the address of a container.
DNS: Final = """
import json, os, socket
names, resolve = json.loads(os.environ["TEST_NAMES"]), socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve(names.get(host, host), *rest, **more)
"""


def block(title: str) -> str:
    """A file of the guide."""
    (found,) = re.findall(rf'^```\w+ title="{re.escape(title)}"\n(.*?)^```$', GUIDE.text, re.MULTILINE | re.DOTALL)
    return str(found)


@attrs.frozen
class Image:
    """What the Dockerfile makes."""

    steps: list[tuple[str, str]]

    @classmethod
    def read(cls) -> Image:
        lines = re.sub(r"\\\n\s*", "", block("Dockerfile")).splitlines()
        return cls([(verb, rest) for verb, _, rest in (line.partition(" ") for line in lines if line)])

    def one(self, verb: str) -> str:
        (found,) = [rest for name, rest in self.steps if name == verb]
        return found

    def words(self, verb: str) -> list[str]:
        """The words of a step in its exec form, in which no shell stands between Docker and the program."""
        words: list[str] = json.loads(self.one(verb).partition("CMD ")[2] or self.one(verb))
        return words


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(block("compose.yaml"))
    return found


# ---- what Docker would read


def test_the_image_runs_as_a_user_without_privileges_and_without_a_shell() -> None:
    """A shell as the first process would not pass SIGTERM on, so that stopping takes ten seconds and kills."""
    image = Image.read()
    verbs = [verb for verb, _ in image.steps]
    assert verbs[0] == "FROM"
    assert verbs.index("USER") < verbs.index("ENTRYPOINT")
    user = image.one("USER")
    install = [shlex.split(part) for part in image.one("RUN").split("&&")]
    assert user not in {"root", "0"}
    assert ["pip", "install", "--no-cache-dir", "wooshpay[cli]"] in install
    assert any(words[0] == "useradd" and words[-1] == user for words in install)
    assert any(words[0] == "install" and f"--owner={user}" in words and words[-1] == "/data" for words in install)
    assert image.words("ENTRYPOINT")[:2] == ["wooshpay", "sandbox"]
    assert image.words("HEALTHCHECK")[:3] == ["wooshpay", "sandbox", "health"]
    assert image.words("VOLUME") == ["/data"]


def test_the_compose_file_fits_together() -> None:
    services = compose()["services"]
    sandbox, shop = services["sandbox"], services["shop"]
    assert shop["depends_on"]["sandbox"]["condition"] == "service_healthy"
    assert shop["environment"]["WOOSHPAY_API_KEY"] == sandbox["environment"]["WOOSHPAY_SANDBOX_API_KEY"]
    assert shop["environment"]["WOOSHPAY_WEBHOOK_SECRET"] == sandbox["environment"]["WOOSHPAY_SANDBOX_WEBHOOK_SECRET"]
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), "nobody else on the network gets in"
    (volume,) = sandbox["volumes"]
    name, _, path = volume.partition(":")
    assert name in compose()["volumes"]
    assert path == "/data"
    state = Image.read().words("ENTRYPOINT")
    assert state[state.index("--state") + 1].startswith(f"{path}/")
    assert shop["healthcheck"] == {"disable": True}, "it would look for a sandbox in the shop's container"


# ---- what the containers do


@attrs.frozen
class Network:
    """Containers by name, each at an address of its own."""

    addresses: dict[str, str]
    data: Path

    @classmethod
    def make(cls, folder: Path) -> Network:
        # Taken at random, so that tests that run at the same time do not meet.
        start = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}"
        return cls({name: f"{start}.{number}" for number, name in enumerate(PORTS, 2)}, folder)

    def url(self, name: str) -> str:
        return f"http://{self.addresses[name]}:{PORTS[name]}"

    def inside(self, name: str, text: str) -> str:
        """A text as it counts within a container: its own addresses, and its volume."""
        text = re.sub(r"0\.0\.0\.0|127\.0\.0\.1", self.addresses[name], text)
        return text.replace("/data/", f"{self.data}/").replace("/app/", f"{self.data}/")

    def start(self, name: str, words: list[str], settings: Mapping[str, str]) -> subprocess.Popen[str]:
        """Run a command in a container."""
        command, *arguments = [self.inside(name, word) for word in words]
        programs = {
            "wooshpay": "from wooshpay.cli import main; main()",
            "python": "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')",
        }
        outside = {
            key: value for key, value in environment(**settings).items() if key in settings or "WOOSHPAY" not in key
        }
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", DNS + programs[command], *arguments],
            env={**outside, "TEST_NAMES": json.dumps(self.addresses)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, name: str, words: list[str], **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a container, as `docker compose exec` does, and wait for its end."""
        process = self.start(name, words, settings)
        out, errors = process.communicate(timeout=HANGS)
        return subprocess.CompletedProcess(words, process.returncode, out, errors)

    def wait_until_healthy(self) -> None:
        limit = time.monotonic() + HANGS
        while self.run("sandbox", Image.read().words("HEALTHCHECK")).returncode != 0:
            assert time.monotonic() < limit


@contextmanager
def up(network: Network, name: str) -> Generator[subprocess.Popen[str]]:
    """A service of the compose file, which `docker stop` ends well."""
    service = compose()["services"][name]
    words = service.get("entrypoint") or Image.read().words("ENTRYPOINT")
    process = network.start(name, [*words, *service.get("command", [])], service["environment"])
    try:
        yield process
    except BaseException:
        process.kill()
        print(process.communicate(timeout=HANGS))
        raise
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=HANGS)
    assert (process.returncode, errors) == (0, "")


@pytest.fixture
def network(tmp_path: Path) -> Network:
    made = Network.make(tmp_path)
    (tmp_path / "tea_shop.py").write_text(made.inside("shop", block("tea_shop.py")), "utf-8")
    return made


async def pay(network: Network) -> str:
    """Buy as a customer's browser does. Gives the URL of the page on which it paid."""
    public = "http://localhost:4242"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{network.url('shop')}/buy", allow_redirects=False) as response:
            page = response.headers["Location"]
        assert page.startswith(f"{public}/pay/"), "the browser knows no other name"
        form = card_form(email="ada@example.com")
        url = network.url("sandbox") + page.removeprefix(public)
        async with session.post(url, data=form, allow_redirects=False) as response:
            assert response.headers["Location"] == "http://localhost:8000/thanks", await response.text()
    return page


async def test_a_purchase_goes_through_all_containers_of_the_guide(network: Network) -> None:
    """By the names of the compose file: the shop calls the sandbox, the sandbox delivers to the shop."""
    with up(network, "sandbox"):
        network.wait_until_healthy()
        with up(network, "shop") as shop:
            limit = time.monotonic() + HANGS
            while True:  # until the shop listens, as nothing waits for it in the compose file
                try:
                    await pay(network)
                    break
                except aiohttp.ClientConnectionError:
                    assert time.monotonic() < limit
                    await asyncio.sleep(0.05)
            assert shop.stdout is not None
            assert shop.stdout.readline() == "paid: order-17\n"
            settings = compose()["services"]["shop"]["environment"]
            moved = network.run("shop", ["wooshpay", "sandbox", "clock", "advance", "31d"], **settings)
            assert (moved.returncode, moved.stderr) == (0, "")
            assert moved.stdout.endswith("UTC, running\n")
    down = network.run("sandbox", Image.read().words("HEALTHCHECK"))
    assert (down.returncode, "Is it running?" in down.stderr) == (1, True)


def test_a_new_container_goes_on_with_the_volume(network: Network) -> None:
    settings = compose()["services"]["shop"]["environment"]
    create = ["wooshpay", "customers", "create", "--email", "ada@example.com"]
    with up(network, "sandbox"):
        network.wait_until_healthy()
        made = json.loads(network.run("shop", create, **settings).stdout)
    assert sorted(os.listdir(network.data)) == ["sandbox.db", "tea_shop.py"]
    with up(network, "sandbox"):
        network.wait_until_healthy()
        found = network.run("shop", ["wooshpay", "customers", "retrieve", made["id"]], **settings)
        assert json.loads(found.stdout) == made
