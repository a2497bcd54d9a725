"""Events on their way to the merchant's endpoints."""
