from __future__ import annotations

from sandbox.conftest import browser as browser
from sandbox.conftest import page as page
from webhooks.conftest import postgres_url as postgres_url
