"""The pages that a customer sees: hosted checkout, 3-D Secure challenge, wallets."""
