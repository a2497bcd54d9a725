"""Sockets and event loops: the aiohttp transport, and the private loop of the synchronous client."""
