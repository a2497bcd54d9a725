"""``python -m benchmarks.delivering.serve PARTY PORT``: serve one application; gunicorn imports `wsgi` instead.

A Lambda function is not served: this process calls it for deliveries of its own.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import attrs

from benchmarks.delivering import applications
from benchmarks.delivering.drive import deliveries
from benchmarks.delivering.parties import ADAPTERS, Party
from benchmarks.rounds import Subject, sample
from wooshpay.core.json import JsonObject


def wsgi(party: str) -> Any:
    """Make the application that gunicorn serves.

    Args:
        party: What `Party.as_json` returned.
    """
    return _application(Party.from_json(party))


def _application(party: Party) -> Any:
    return getattr(applications, f"{party.adapter.replace('-', '_')}_application")(party)


def _on_aiohttp(application: Any, port: int) -> None:
    from aiohttp import web

    web.run_app(application, host="127.0.0.1", port=port, access_log=None, print=None)


def _on_uvicorn(application: Any, port: int) -> None:
    import uvicorn

    uvicorn.run(application, host="127.0.0.1", port=port, access_log=False, log_level="warning", lifespan="off")


def _on_pipes(application: Any, port: int) -> None:
    """Call the function for as many deliveries as each line of the input says, and write what one of them took."""
    for line in sys.stdin:
        first, count = json.loads(line)
        invocations = [applications.invocation(body, headers) for body, headers in deliveries(first, count)]

        def run(calls: int, invocations: list[JsonObject] = invocations) -> None:
            for invocation in invocations:
                response = application(invocation, None)
                if response["statusCode"] != 200:
                    raise RuntimeError(f"A delivery was refused: {response}")

        print(json.dumps(attrs.astuple(sample(Subject("lambda", run), count))), flush=True)


def main() -> None:
    """Serve what the command line names."""
    party, port = Party.from_json(sys.argv[1]), int(sys.argv[2])
    serve = {"aiohttp": _on_aiohttp, "uvicorn": _on_uvicorn, "none": _on_pipes}[ADAPTERS[party.adapter].server]
    try:
        serve(_application(party), port)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
