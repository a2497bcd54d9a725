"""The clients in web frameworks. A `WebhookReceiver` has its own adapters, in `wooshpay.webhooks.adapters`."""
