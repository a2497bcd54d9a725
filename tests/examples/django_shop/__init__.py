"""A small shop in Django: hosted checkout, webhooks, and an order model.

    wooshpay sandbox --webhook http://127.0.0.1:8000/webhooks      # prints the three settings to export
    python tests/examples/django_shop/manage.py migrate
    python tests/examples/django_shop/manage.py runserver

`shop/payments.py` is all that has to do with WooshPay.
"""
