"""For Django, on WSGI and on ASGI. The views take POST only, and need no CSRF token: the signature is the proof."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from wooshpay.webhooks.contract import AnyReceiver
    from wooshpay.webhooks.replies import Reply


def django_view(receiver: AnyReceiver) -> Callable[[HttpRequest], HttpResponse]:
    """Make a view: ``path("webhooks", django_view(receiver))``. Plain handlers run in the request's thread.

    Args:
        receiver: Gets every POST.
    """

    def webhooks(request: HttpRequest) -> HttpResponse:
        body = _read(request, receiver.largest_body)
        return _response(receiver.receive_now(body, request.META)) if isinstance(body, bytes) else body

    _exempt(webhooks)
    return webhooks


def django_async_view(receiver: AnyReceiver) -> Callable[[HttpRequest], Awaitable[HttpResponse]]:
    """Make an asynchronous view: ``path("webhooks", django_async_view(receiver))``.

    Args:
        receiver: Gets every POST.
    """

    async def webhooks(request: HttpRequest) -> HttpResponse:
        body = _read(request, receiver.largest_body)
        return _response(await receiver.receive(body, request.META)) if isinstance(body, bytes) else body

    _exempt(webhooks)
    return webhooks


def _exempt(view: Callable[..., object]) -> None:
    """Ask for no CSRF token, as Django's decorator does; before Django 5 that one took no asynchronous view."""
    vars(view)["csrf_exempt"] = True


def _read(request: HttpRequest, limit: int) -> bytes | HttpResponse:
    """The body, or what to refuse the request with."""
    from django.core.exceptions import RequestDataTooBig
    from django.http import HttpResponse, HttpResponseNotAllowed

    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    meta = request.META
    try:
        if meta.get("wsgi.input_terminated") and not meta.get("CONTENT_LENGTH"):
            # On WSGI, Django takes a body in chunks for an empty one; the server knows where it ends.
            body: bytes = meta["wsgi.input"].read(limit + 1)
        else:
            body = request.body
    except RequestDataTooBig:
        return HttpResponse(status=413)
    return body if len(body) <= limit else HttpResponse(status=413)


def _response(reply: Reply) -> HttpResponse:
    from django.http import HttpResponse

    return HttpResponse(reply.text, status=reply.status, content_type="text/plain")
