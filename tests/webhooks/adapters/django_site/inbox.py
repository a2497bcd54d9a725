"""An inbox as a user may write one with Django's ORM, without knowing about threads."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from webhooks.adapters.django_site.models import Received

from wooshpay.webhooks.inbox import Claim, Counts, Taken


class OrmInbox:
    """Keeps the events in a table of the site."""

    lease = 60.0

    async def claim(self, event_id: str) -> Claim | Taken:
        """Take an event."""
        return await sync_to_async(self._claim)(event_id)

    async def renew(self, claim: Claim) -> bool:
        """Leave a claim as it is: it has no end in this inbox."""
        return True

    async def done(self, claim: Claim) -> bool:
        """Note that an event is done."""
        return await sync_to_async(self._done)(claim)

    async def give_back(self, claim: Claim) -> None:
        """Let the next delivery run the event again."""
        await sync_to_async(self._held(claim).delete)()

    async def counts(self) -> Counts:
        """Return how many events there are."""
        return Counts(await Received.objects.filter(done=False).acount(), await Received.objects.acount())

    async def forget_old(self) -> int:
        """Forget nothing."""
        return 0

    async def close(self) -> None:
        """Close nothing: Django closes its connections."""

    def _claim(self, event_id: str) -> Claim | Taken:
        try:
            with transaction.atomic():
                Received.objects.create(event=event_id, token=event_id)
        except IntegrityError:
            return "done" if Received.objects.get(event=event_id).done else "held"
        return Claim(event_id, event_id)

    def _done(self, claim: Claim) -> bool:
        return bool(self._held(claim).update(done=True))

    def _held(self, claim: Claim) -> QuerySet[Received]:
        return Received.objects.filter(event=claim.event_id, token=claim.token)
