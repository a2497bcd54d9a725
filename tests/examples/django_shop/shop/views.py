"""The pages."""

from __future__ import annotations

import attrs
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from wooshpay import money

from . import payments
from .models import Order


@attrs.frozen
class Article:
    """What is for sale; ``amount`` in minor units."""

    name: str
    amount: int
    currency: str

    @property
    def price(self) -> str:
        """As a customer reads it."""
        return f"{money.from_minor(self.amount, self.currency)} {self.currency}"


ARTICLES = {"lamp": Article("Lamp", 8900, "EUR"), "vase": Article("Vase", 3400, "JPY")}


@require_GET
def window(request: HttpRequest) -> HttpResponse:
    """What is for sale."""
    return render(request, "window.html", {"articles": ARTICLES})


@require_POST
def buy(request: HttpRequest, key: str) -> HttpResponse:
    """Make an order, and send the customer to the payment page."""
    article = ARTICLES.get(key)
    if article is None:
        raise Http404
    order = Order.objects.create(article=article.name, amount=article.amount, currency=article.currency)
    response = HttpResponseRedirect(payments.open_page(order, request.build_absolute_uri("/").rstrip("/")))
    response.status_code = 303
    return response


@require_GET
def back(request: HttpRequest, number: str) -> HttpResponse:
    """Where the customer comes back to. Coming back proves nothing."""
    order = get_object_or_404(Order, number=number)
    if not order.paid:
        payments.look_up(order)
        order.refresh_from_db()
    return render(request, "order.html", {"order": order})
