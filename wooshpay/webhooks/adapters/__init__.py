"""A `WebhookReceiver` in a web framework. Each adapter imports its framework only when it is used.

app.router.add_post("/webhooks", aiohttp_handler(receiver))                  # aiohttp
app.post("/webhooks")(starlette_endpoint(receiver))                          # FastAPI
app.add_route("/webhooks", starlette_endpoint(receiver), methods=["POST"])   # Starlette
app.post("/webhooks")(flask_view(receiver))                                  # Flask
path("webhooks", django_view(receiver))                                      # Django on WSGI
path("webhooks", django_async_view(receiver))                                # Django on ASGI
handler = lambda_handler(receiver)                                           # AWS Lambda
"""

from __future__ import annotations

from wooshpay.webhooks.adapters.aiohttp import aiohttp_handler
from wooshpay.webhooks.adapters.aws_lambda import lambda_handler
from wooshpay.webhooks.adapters.django import django_async_view, django_view
from wooshpay.webhooks.adapters.flask import flask_view
from wooshpay.webhooks.adapters.starlette import starlette_endpoint

__all__ = ["aiohttp_handler", "starlette_endpoint", "flask_view", "django_view", "django_async_view", "lambda_handler"]
