"""For Django, on WSGI and on ASGI. The views take POST only, and need no CSRF token: the signature is the proof."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

from wooshpay.errors import ConfigurationError
from wooshpay.webhooks import replies

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from wooshpay.webhooks.contract import AnyReceiver
    from wooshpay.webhooks.replies import Reply

V = TypeVar("V", bound=Callable[..., Any])

_ASGIREF: Final = (3, 9)


def django_view(receiver: AnyReceiver) -> Callable[[HttpRequest], HttpResponse]:
    """Make a view: ``path("webhooks", django_view(receiver))``.

    Handlers of both kinds, and inboxes that use Django's ORM, use the database connections of the request. The view is
    not atomic, even with ``ATOMIC_REQUESTS``: a transaction around it could fail to be committed after the event was
    marked as done. Do not put it into ``transaction.atomic()`` either; it then responds with 500.

    Args:
        receiver: Gets every POST.

    Raises:
        ConfigurationError: The installed version of asgiref is too old.
    """
    _check_asgiref()

    def webhooks(request: HttpRequest) -> HttpResponse:
        from wooshpay.webhooks.adapters.django_thread import DjangoThread

        body = _read(request, receiver.largest_body)
        if not isinstance(body, bytes):
            return body
        if _is_in_transaction():
            return _response(replies.in_transaction())
        return _response(receiver.receive_now(body, request.META, thread=DjangoThread()))

    return _marked(webhooks)


def django_async_view(receiver: AnyReceiver) -> Callable[[HttpRequest], Coroutine[Any, Any, HttpResponse]]:
    """Make an asynchronous view: ``path("webhooks", django_async_view(receiver))``.

    Plain handlers run in the thread that Django has for the request, as plain views do. The view is not atomic, even
    with ``ATOMIC_REQUESTS``. If the sender hangs up, the request lasts until the handler has ended, since Django closes
    the thread of the request and its connections then.

    Args:
        receiver: Gets every POST.

    Raises:
        ConfigurationError: The installed version of asgiref is too old.
    """
    _check_asgiref()

    async def webhooks(request: HttpRequest) -> HttpResponse:
        from wooshpay.webhooks.adapters.django_thread import DjangoThread

        body = _read(request, receiver.largest_body)
        if not isinstance(body, bytes):
            return body
        delivery = asyncio.ensure_future(receiver.receive(body, request.META, thread=DjangoThread()))
        return _response(await _to_its_end(delivery))

    return _marked(webhooks)


def _check_asgiref() -> None:
    """Refuse versions in which tasks lose the thread of the request: an async handler could wait forever there."""
    import asgiref

    numbers = re.findall(r"\d+", asgiref.__version__)[:3]
    if tuple(map(int, numbers)) < _ASGIREF:
        needed = ".".join(map(str, _ASGIREF))
        raise ConfigurationError(
            f"The Django views need asgiref {needed} or later, and asgiref {asgiref.__version__} is installed. Update"
            f" it: pip install 'asgiref>={needed}'."
        )


async def _to_its_end(delivery: asyncio.Future[Reply]) -> Reply:
    """Wait for the end of a delivery, also when Django cancels the request because its sender has hung up."""
    cancelled: asyncio.CancelledError | None = None
    while not delivery.done():
        try:
            await asyncio.wait({delivery})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return delivery.result()


class _EveryAlias(set[str]):
    """The aliases of databases whose transactions Django must not open around a view: all of them, also later ones."""

    def __contains__(self, alias: object) -> bool:
        return True


def _marked(view: V) -> V:
    """Mark a view as Django's own decorators do. Those do not accept asynchronous views in every version."""
    vars(view).update(csrf_exempt=True, _non_atomic_requests=_EveryAlias())
    return view


def _is_in_transaction() -> bool:
    """Return whether the view was called inside a transaction, other than that of a Django ``TestCase``."""
    from django.db import connections, transaction

    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            try:
                # This raises an exception, except inside the transaction of a test, where it does nothing.
                with transaction.atomic(using=connection.alias, savepoint=False, durable=True):
                    pass
            except RuntimeError:
                return True
    return False


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
