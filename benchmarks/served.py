"""``python -m benchmarks.served PORT``: a sandbox to be measured, with a key that is known and, if asked, objects."""

from __future__ import annotations

import argparse
import asyncio

from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import find_behaviour
from wooshpay.sandbox.server import Server

KEY = "sk_test_benchmark"


def fill(server: Server, count: int) -> None:
    """Make payment intents as requests would, one customer for every hundred."""
    make_intent, make_customer = find_behaviour("payment_intents.create"), find_behaviour("customers.create")
    assert make_intent is not None
    assert make_customer is not None
    customer = ""
    for number in range(count):
        if number % 100 == 0:
            customer = make_customer(server.state, Params({"email": f"user{number}@example.com"}))["id"]
        make_intent(server.state, Params({"amount": 2000 + number, "currency": "USD", "customer": customer}))


async def serve(server: Server) -> None:
    """Run until the process is interrupted."""
    await server.start()
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop()


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--objects", type=int, default=0)
    parser.add_argument("--state")
    options = parser.parse_args()
    server = Server(host="127.0.0.1", port=options.port, chosen={"api_key": KEY}, state_file=options.state)
    fill(server, options.objects)
    try:
        asyncio.run(serve(server))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
