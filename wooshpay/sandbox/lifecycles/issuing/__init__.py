"""What becomes of issued cards, of the attempts to pay with them, and of the money that moves through them."""
