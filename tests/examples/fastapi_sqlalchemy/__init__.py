"""A shop's API in FastAPI with SQLAlchemy: orders, a webhook that writes them, and payments as response models.

    wooshpay sandbox --webhook http://127.0.0.1:8000/webhooks      # prints the three settings to export
    uvicorn --app-dir tests/examples --factory fastapi_sqlalchemy.app:create_app --port 8000

`models.py` holds the tables, `app.py` everything else. ``SHOP_DATABASE_URL`` names the database, such as
``postgresql+psycopg://shop@127.0.0.1/shop``. Default: the file ``shop.db``.
"""
