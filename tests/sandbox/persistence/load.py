"""Load for a sandbox that is to be killed: threads that create, confirm, capture, refund and update, and remember."""

from __future__ import annotations

import base64
import http.client
import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import attrs
from sandbox.rig import DECLINED, GOOD, order, payment

MONTHLY = 1000
HOLD = {"capture_method": "manual"}


@attrs.frozen
class Asked:
    """One POST under a key of its own."""

    key: str
    path: str
    body: dict[str, Any]


@attrs.frozen
class Told:
    """What was answered to it."""

    asked: Asked
    status: int
    raw: bytes

    @property
    def object(self) -> dict[str, Any]:
        """The object of the answer."""
        found: dict[str, Any] = json.loads(self.raw)
        return found


class Line:
    """A connection of one thread to the sandbox."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=20)
        credentials = base64.b64encode(f"{api_key}:".encode()).decode()
        self._headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, bytes]:
        """Send a request; give status and body."""
        headers = {**self._headers, "Idempotency-Key": key} if key else self._headers
        self._connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = self._connection.getresponse()
        return response.status, response.read()

    def get(self, path: str) -> dict[str, Any]:
        """Read an object."""
        status, raw = self.ask("GET", path)
        assert status == 200, raw
        found: dict[str, Any] = json.loads(raw)
        return found

    def post(self, asked: Asked) -> Told:
        """Send a POST under its key."""
        return Told(asked, *self.ask("POST", asked.path, asked.body, key=asked.key))

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()


class Worker(threading.Thread):
    """One merchant's program. It goes on until the sandbox is gone."""

    def __init__(self, name: str, line: Line, chance: random.Random) -> None:
        super().__init__(name=name)
        self._line = line
        self._chance = chance
        self._count = 0
        self.told: list[Told] = []
        # What was asked when the sandbox went away.
        self.open: Asked | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Work until the connection breaks."""
        try:
            while True:
                self._round()
        except (OSError, http.client.HTTPException):
            pass
        except BaseException as error:  # handed over to the test
            self.error = error
        finally:
            self._line.close()

    def _round(self) -> None:
        customer = self._ask("/v1/customers", {"email": f"{self.name}-{self._count}@example.com"})
        match self._chance.randrange(5):
            case 0:
                intent = self._ask("/v1/payment_intents", payment(customer=customer["id"]))
                self._ask(f"/v1/payment_intents/{intent['id']}/confirm", {"payment_method_data": _card(GOOD)})
                self._ask("/v1/refunds", {"payment_intent": intent["id"], "amount": self._chance.randint(1, 2000)})
            case 1:
                intent = self._ask("/v1/payment_intents", payment(GOOD, **HOLD))
                self._ask(f"/v1/payment_intents/{intent['id']}/capture", {"amount_to_capture": 1500})
            case 2:
                self._ask("/v1/payment_intents", payment(DECLINED), expected=402)
                self._ask(f"/v1/customers/{customer['id']}", {"metadata": {"round": str(self._count)}})
            case 3:
                self._subscribe(customer["id"])
            case _:
                self._ask("/v1/checkout/sessions", order(customer=customer["id"]))

    def _subscribe(self, customer: str) -> None:
        method = self._ask("/v1/payment_methods", _card(GOOD))
        self._ask(f"/v1/payment_methods/{method['id']}/attach", {"customer": customer})
        monthly = {"interval": "month", "interval_count": 1}
        fields = {"currency": "usd", "unit_amount": MONTHLY, "product_data": {"name": "Tea club"}}
        price = self._ask("/v1/prices", {**fields, "recurring": monthly})
        items = [{"price": price["id"], "quantity": 1}]
        subscription = {"customer": customer, "items": items, "default_payment_method": method["id"]}
        assert self._ask("/v1/subscriptions", subscription)["status"] == "active"

    def _ask(self, path: str, body: dict[str, Any], *, expected: int = 200) -> dict[str, Any]:
        self._count += 1
        self.open = Asked(f"{self.name}-{self._count}", path, body)
        told = self._line.post(self.open)
        assert told.status == expected, told.raw
        self.told.append(told)
        self.open = None
        return told.object


def _card(number: str) -> dict[str, Any]:
    data: dict[str, Any] = payment(number)["payment_method_data"]
    return data


class Mailbox:
    """A merchant's webhook endpoint in plain threads: remembers the ids of the events that came."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Mailbox:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        ids = self.ids

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                ids.add(event["id"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        return Handler
