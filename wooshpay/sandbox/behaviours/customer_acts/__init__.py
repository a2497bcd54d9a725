"""What customers do on hosted pages, for the tester to ask for. A page and an action run the same lifecycle."""
