"""A model of AWS Lambda: events as its documentation shows them, and a process that is frozen between invocations.

Run as a program, this is the runtime in the process: it loads ``module.function`` and calls it with the events that
arrive on its standard input, one per line.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

from support.children import environment

WAIT_SECONDS: Final = 60.0


# ---- events


def _encoded(body: bytes | None, *, in_base64: bool) -> dict[str, Any]:
    if body is None:
        return {"body": None, "isBase64Encoded": False}
    text = base64.b64encode(body).decode() if in_base64 else body.decode()
    return {"body": text, "isBase64Encoded": in_base64}


def rest_api(
    body: bytes | None, headers: Mapping[str, str], *, method: str = "POST", in_base64: bool = False
) -> dict[str, Any]:
    """Payload format 1.0: a REST API, and an HTTP API that was told to use it."""
    return {
        "version": "1.0",
        "resource": "/webhooks",
        "path": "/webhooks",
        "httpMethod": method,
        "headers": dict(headers),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"httpMethod": method, "path": "/live/webhooks", "protocol": "HTTP/1.1", "stage": "live"},
        "pathParameters": None,
        "stageVariables": None,
        **_encoded(body, in_base64=in_base64),
    }


def http_api(
    body: bytes | None, headers: Mapping[str, str], *, method: str = "POST", in_base64: bool = False
) -> dict[str, Any]:
    """Payload format 2.0: an HTTP API, and a function URL."""
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/webhooks",
        "rawQueryString": "",
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {
            "domainName": "id.execute-api.eu-central-1.amazonaws.com",
            "http": {"method": method, "path": "/webhooks", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
        },
        **_encoded(body, in_base64=in_base64),
    }
    if body is None:
        del event["body"]
    return event


def load_balancer(
    body: bytes | None, headers: Mapping[str, str], *, method: str = "POST", in_base64: bool = False
) -> dict[str, Any]:
    """An Application Load Balancer."""
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/x/1"}},
        "httpMethod": method,
        "path": "/webhooks",
        "queryStringParameters": {},
        "headers": {name.lower(): value for name, value in headers.items()},
        **_encoded(body, in_base64=in_base64),
        **({"body": ""} if body is None else {}),
    }


def load_balancer_with_lists(
    body: bytes | None, headers: Mapping[str, str], *, method: str = "POST", in_base64: bool = False
) -> dict[str, Any]:
    """An Application Load Balancer whose target group has multi-value headers."""
    event = load_balancer(body, headers, method=method, in_base64=in_base64)
    return {**event, "multiValueHeaders": {name: [value] for name, value in event.pop("headers").items()}}


FORMATS: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    made.__name__: made for made in (rest_api, http_api, load_balancer, load_balancer_with_lists)
}


# ---- the process


class Function:
    """A Lambda function in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._buffer = b""

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Thaw the process, call the handler and freeze the process. Returns what the handler returned."""
        self.thaw()
        self.begin(event)
        result = self.result()
        self.freeze()
        return result

    def begin(self, event: Mapping[str, Any]) -> None:
        """Call the handler."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(event).encode() + b"\n")
        self._process.stdin.flush()

    def result(self) -> Any:
        """Wait for the end of the invocation, and return what the handler returned."""
        assert self._process.stdout is not None
        limit = time.monotonic() + WAIT_SECONDS
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._process.stdout], [], [], max(limit - time.monotonic(), 0))
            assert ready, "the invocation does not end"
            read = os.read(self._process.stdout.fileno(), 65536)
            assert read, "the process has ended"
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\n")
        outcome = json.loads(line)
        assert "error" not in outcome, outcome["error"]
        return outcome["returned"]

    def open_files(self) -> int:
        """Return how many files and sockets the process has open."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    def threads(self) -> int:
        """Return how many threads the process has."""
        return len(os.listdir(f"/proc/{self._process.pid}/task"))

    def freeze(self) -> None:
        """Stop the process, as Lambda does after a response."""
        self._process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(self._process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

    def thaw(self) -> None:
        """Resume the process."""
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def function(name: str, *, folder: Path, **settings: str) -> Generator[Function]:
    """Run a Lambda function until the block ends.

    Args:
        name: ``module.function``, as in the setting "Handler" of a Lambda function.
        folder: Where the module is, and the working directory.
        settings: The function's environment variables.
    """
    env = {**environment(), **settings}
    env["PYTHONPATH"] = os.pathsep.join([str(folder), env["PYTHONPATH"]])
    command = [sys.executable, "-W", "error", "-m", "support.aws_lambda", name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, cwd=folder) as process:
        try:
            yield Function(process)
        finally:
            process.kill()  # as Lambda does: a function is never told that it ends


@contextmanager
def api_gateway(function: Function, form: Callable[..., dict[str, Any]]) -> Generator[str]:
    """Serve a Lambda function over HTTP, as API Gateway does, one request at a time. Yields the URL.

    Args:
        function: The function.
        form: Makes the events, such as `http_api`.
    """

    class Gateway(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            response = function.invoke(form(body, dict(self.headers)))
            text = response["body"].encode()
            self.send_response(response["statusCode"])
            # The server takes one connection at a time, so a client must not send its next request on this one.
            closing = {"Content-Length": str(len(text)), "Connection": "close"}
            for name, value in {**response["headers"], **closing}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """A test has enough to say."""

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _serve(name: str) -> None:
    # What the handler prints goes to the log, as in Lambda.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module, _, attribute = name.rpartition(".")
    handler = getattr(importlib.import_module(module), attribute)
    for line in sys.stdin:
        try:
            outcome: dict[str, Any] = {"returned": handler(json.loads(line), None)}
        except Exception as error:
            outcome = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(outcome), file=answers, flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
