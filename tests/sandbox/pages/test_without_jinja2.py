"""The pages where jinja2 is not installed: each says which extra is missing, and the API works."""

from __future__ import annotations

import json
import subprocess
import sys

from support.children import HANGS, environment

PROGRAM = """
import sys, json, urllib.error, urllib.request
sys.modules["jinja2"] = None   # as if it were not installed

from wooshpay import WooshPay
from wooshpay.sandbox import Sandbox

with Sandbox() as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
    session = client.checkout.sessions.create(
        success_url="https://shop.example/thanks",
        line_items=[{"quantity": 1, "price_data": {
            "currency": "USD", "unit_amount": 1999, "product_data": {"name": "Teapot"}}}])
    for url in (session.url, sandbox.base_url + "/", sandbox.base_url + "/nothing", sandbox.dashboard_url):
        request = urllib.request.Request(url, headers={"Accept": "text/html"})
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            print(json.dumps([answer.status, answer.headers["Content-Type"], answer.read().decode()]))
"""


def test_every_page_says_what_to_install() -> None:
    """Without this the browser shows "500 Internal Server Error", and only the log says why."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment(), capture_output=True, text=True, timeout=HANGS, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 4
    for status, kind, text in answers:
        assert (status, kind) == (501, "text/html; charset=utf-8")
        assert "<title>A package is missing" in text
        assert '<code>pip install "wooshpay[cli]"</code>' in text
        assert "ModuleNotFoundError" not in text
