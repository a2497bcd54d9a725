"""A shop in AWS Lambda, behind an HTTP API of API Gateway: hosted checkout, webhooks, and orders in PostgreSQL.

Two Lambda functions have their handlers in `functions.py`:

    functions.checkout    POST /checkout    places an order and leads to the payment page
    functions.webhooks    POST /webhooks    learns that money came

Their environment has WOOSHPAY_API_KEY, WOOSHPAY_WEBHOOK_SECRET, DATABASE_URL and SHOP_URL.
"""
