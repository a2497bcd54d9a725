"""For Django, on WSGI and on ASGI. The views take POST only, and need no CSRF token: the signature is the proof."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from wooshpay.webhooks.receiver import Reply, WebhookReceiver


def django_view(receiver: WebhookReceiver) -> Callable[[HttpRequest], HttpResponse]:
    """Make a view: ``path("webhooks", django_view(receiver))``. Plain handlers run in the request's thread.

    Args:
        receiver: Gets every POST.
    """
    from django.views.decorators.csrf import csrf_exempt

    @csrf_exempt
    def webhooks(request: HttpRequest) -> HttpResponse:
        refusal = _refusal(receiver, request)
        return refusal or _response(receiver.receive_now(request.body, request.META))

    return webhooks


def django_async_view(receiver: WebhookReceiver) -> Callable[[HttpRequest], Awaitable[HttpResponse]]:
    """Make an asynchronous view: ``path("webhooks", django_async_view(receiver))``.

    Args:
        receiver: Gets every POST.
    """
    from django.views.decorators.csrf import csrf_exempt

    @csrf_exempt
    async def webhooks(request: HttpRequest) -> HttpResponse:
        refusal = _refusal(receiver, request)
        return refusal or _response(await receiver.receive(request.body, request.META))

    return webhooks


def _refusal(receiver: WebhookReceiver, request: HttpRequest) -> HttpResponse | None:
    from django.core.exceptions import RequestDataTooBig
    from django.http import HttpResponse, HttpResponseNotAllowed

    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        too_large = len(request.body) > receiver.largest_body
    except RequestDataTooBig:
        too_large = True
    return HttpResponse(status=413) if too_large else None


def _response(reply: Reply) -> HttpResponse:
    from django.http import HttpResponse

    return HttpResponse(reply.text, status=reply.status, content_type="text/plain")
