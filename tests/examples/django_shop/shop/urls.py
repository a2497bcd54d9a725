"""Which address is which page."""

from __future__ import annotations

from django.urls import path

from wooshpay.webhooks.adapters import django_view

from . import payments, views

urlpatterns = [
    path("", views.window),
    path("buy/<slug:key>", views.buy),
    path("orders/<slug:number>", views.back),
    path("webhooks", django_view(payments.receiver())),
]
