"""The two worlds: the same pipeline, awaited or run on a private loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from wooshpay.core.bound import AsyncBoundList, AsyncBoundOperation, AsyncBoundWaiting, BoundOperation, BoundWaiting
from wooshpay.core.confined import Confined
from wooshpay.core.interruptions import note_end
from wooshpay.core.listing import ListObject
from wooshpay.core.paging import AsyncPager, Pager
from wooshpay.core.pipeline import Pipeline, identify
from wooshpay.core.request import ApiResponse, Call, Request, Response
from wooshpay.core.tracebacks import forget_locals
from wooshpay.errors import WooshPayError

if TYPE_CHECKING:
    from wooshpay.core.waiting import Wait, WaitResult
    from wooshpay.transport.loop import Job, PrivateLoop

T = TypeVar("T")


class AsyncCaller(Confined):
    """Carries calls out in the running event loop.

    Args:
        pipeline: What makes and sends the requests.
        owner: Whether closing the caller closes the connections.
    """

    operation = AsyncBoundOperation
    list_operation = AsyncBoundList
    waiting = AsyncBoundWaiting

    def __init__(self, pipeline: Pipeline, *, owner: bool = True) -> None:
        self.pipeline = pipeline
        self._owner = owner

    async def call(self, call: Call, returns: Any) -> Any:
        """Give the result."""
        request = response = None
        try:
            request = self.pipeline.prepare(call)
            response = await self.pipeline.run(request)
            return self.pipeline.decode(request, response, returns)
        except BaseException as error:
            forget_locals(error)
            if request is not None and response is not None:
                _note_result(error, request, response)
            raise

    async def call_with_response(self, call: Call, returns: Any) -> ApiResponse[Any]:
        """Give the result with the answer's facts."""
        request = response = None
        try:
            request = self.pipeline.prepare(call)
            response = await self.pipeline.run(request)
            return self.pipeline.decode_with_response(request, response, returns)
        except BaseException as error:
            forget_locals(error)
            if request is not None and response is not None:
                _note_result(error, request, response)
            raise

    def page(self, call: Call, returns: Any) -> AsyncPager[Any]:
        """Give the pager over a list."""

        def fetch(call: Call) -> Coroutine[Any, Any, ListObject[Any]]:
            return self.call(call, returns)

        return AsyncPager(fetch, call)

    async def wait(self, wait: Wait) -> WaitResult[Any, Any]:
        """Give what the waiting comes to."""
        from wooshpay.core.waiting import carry_out

        return await carry_out(wait, lambda call: self.call(call, wait.returns), self.pipeline.config)

    async def compose(self, work: Callable[[AsyncCaller], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function that makes calls, and return its result."""
        return await work(self)

    def with_pipeline(self, pipeline: Pipeline) -> AsyncCaller:
        """Return a caller that uses another pipeline over the same connections, which it does not own."""
        return AsyncCaller(pipeline, owner=False)

    async def close(self) -> None:
        """Close the connections of the running loop, if they are this caller's own."""
        if self._owner:
            await self.pipeline.transport.close()


class SyncCaller(Confined):
    """Carries calls out on a private loop, while the calling thread waits.

    Args:
        pipeline: What makes and sends the requests.
        loop: The loop that the calls run on.
        owner: Whether closing the caller stops the loop.
    """

    operation = BoundOperation
    list_operation = BoundOperation
    waiting = BoundWaiting

    def __init__(self, pipeline: Pipeline, loop: PrivateLoop, *, owner: bool = True) -> None:
        self.pipeline = pipeline
        self.loop = loop
        self._owner = owner

    def call(self, call: Call, returns: Any) -> Any:
        """Give the result."""
        return self._run(call, returns, self.pipeline.decode)

    def call_with_response(self, call: Call, returns: Any) -> ApiResponse[Any]:
        """Give the result with the answer's facts."""
        return self._run(call, returns, self.pipeline.decode_with_response)

    def page(self, call: Call, returns: Any) -> Pager[Any]:
        """Give the pager over a list."""

        def fetch(call: Call) -> ListObject[Any]:
            page: ListObject[Any] = self.call(call, returns)
            return page

        return Pager(fetch, call)

    def wait(self, wait: Wait) -> WaitResult[Any, Any]:
        """Give what the waiting comes to. All of it happens on the loop, so that Ctrl-C ends it at any moment."""
        return self.loop.run(AsyncCaller(self.pipeline).wait, wait)

    def compose(self, work: Callable[[AsyncCaller], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function that makes calls on the loop, and return its result."""
        return self.loop.run(work, AsyncCaller(self.pipeline))

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function on the loop, and give its result."""
        return self.loop.run(lambda _: work(), None)

    def with_pipeline(self, pipeline: Pipeline) -> SyncCaller:
        """Return a caller that uses another pipeline on the same loop, which it does not own."""
        return SyncCaller(pipeline, self.loop, owner=False)

    def close(self) -> None:
        """Stop the loop, which closes the connections, if it is this caller's own."""
        if self._owner:
            self.loop.close()

    def _run(self, call: Call, returns: Any, read: Callable[[Request, Response, Any], T]) -> T:
        request: Request | None = None
        job: Job[Response] | None = None
        try:
            request = self.pipeline.prepare(call)
            job = self.loop.job(self.pipeline.run, request)
            return read(request, self.loop.carry_out(job), returns)
        except BaseException as error:
            forget_locals(error)
            # One that comes from the loop itself does not know yet which call it ended.
            if isinstance(error, WooshPayError) and request is not None:
                identify(error, request)
            elif request is not None and job is not None:
                note_end(error, request, job.result, job.error, unsent=job.over and not job.begun)
            raise
        finally:
            job = None  # it has the error, whose traceback has this frame


def _note_result(error: BaseException, request: Request, response: Response) -> None:
    """Add a note to an exception from outside, such as Ctrl-C: the response had already arrived."""
    if not isinstance(error, WooshPayError):
        note_end(error, request, response, None, unsent=False)
