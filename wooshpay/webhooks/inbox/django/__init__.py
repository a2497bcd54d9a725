"""The Django app of `DjangoInbox`: add ``wooshpay.webhooks.inbox.django`` to INSTALLED_APPS, then run ``migrate``."""
