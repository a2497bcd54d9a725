"""What ``python -m benchmarks deliveries`` measures: a shop that receives webhooks, with this SDK and without it.

parties.py       who is measured: the adapters, the inboxes, and the combinations of them
shops.py         how the shop writes an order into its database: by hand, and in a handler with an inbox
django_shop.py, sqlalchemy_shop.py   the same with an ORM
applications.py  the shop in each web framework
serve.py         runs one of these applications in a process of its own
drive.py         sends deliveries to such a process, and measures it
"""
