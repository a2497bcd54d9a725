"""How any call travels: declaration, request, pipeline, retry, codec, paging. No aiohttp here."""
