"""Issuing: what each operation does, and what cardholders and sellers do with the cards."""
