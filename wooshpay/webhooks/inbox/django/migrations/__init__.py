"""How the inbox's table came about."""
