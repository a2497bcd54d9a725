"""A shop in FastAPI: hosted checkout, webhooks, a return page that waits, and a table of orders in SQLite.

    wooshpay sandbox --webhook http://127.0.0.1:8000/webhooks      # prints the three settings to export
    uvicorn --app-dir tests/examples --factory fastapi_shop.app:create_app --port 8000

`orders.py` is the table, `payments.py` all that has to do with WooshPay, `app.py` the pages.
"""
