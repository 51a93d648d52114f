"""Live news: how many alerts have come since a page was loaded, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import anyio
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from alerts.store.counting import changed_since, last_change
from alerts.store.opening import AlertStoreError
from cluster.asked import stamp
from console.desk import Desk

EVERY_S = 2.0  # between two looks at the store, however many pages wait
LONGEST_S = 600.0  # then the browser asks again, and with it whoever has signed out meanwhile
MOST = 100  # pages that wait
MOST_NEW = 1_000


class News:
    """What the store had last, looked up for all pages together."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = asyncio.Lock()
        self._looked_at, self._last = float("-inf"), ""
        self.waiting = 0
        self.stopping = asyncio.Event()  # the server ends: nobody waits any longer

    async def last(self) -> str:
        """When an alert was written last; only of seconds that are over, so that none comes after it."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now - self._looked_at >= EVERY_S * 0.9:
                over = stamp(self._desk.now() - timedelta(seconds=1))
                self._last = await anyio.to_thread.run_sync(self._look, over)
                self._looked_at = now
            return self._last

    def _look(self, until: str) -> str:
        return max((last_change(one, until) for one in self._desk.stores), default="")

    async def since(self, then: str) -> int:
        """How many alerts were written after then."""
        return await anyio.to_thread.run_sync(
            lambda: sum(changed_since(one, then, MOST_NEW) for one in self._desk.stores)
        )


def register(app: FastAPI, desk: Desk) -> None:
    """Add it."""
    news = News(desk)
    app.state.stopping = news.stopping

    @app.get("/events", include_in_schema=False)
    async def events(request: Request) -> Response:
        if news.waiting >= MOST:
            return PlainTextResponse("too many pages wait for news", 503)
        began = request.headers.get("last-event-id", "")[:30]
        return StreamingResponse(stream(news, began), media_type="text/event-stream")


async def stream(news: News, began: str) -> AsyncIterator[str]:
    """Events, each with how many alerts came since the page began to wait."""
    news.waiting += 1
    try:
        loop = asyncio.get_running_loop()
        end = loop.time() + LONGEST_S
        told = began = began or await news.last()
        yield f"retry: 5000\nid: {began}\ndata: 0\n\n"
        while loop.time() < end:
            with suppress(TimeoutError):
                await asyncio.wait_for(news.stopping.wait(), EVERY_S)
                return
            try:
                last = await news.last()
                number = await news.since(began) if last > told else 0
            except AlertStoreError:
                continue  # pages say what is wrong with it
            if number:
                told = last
                yield f"id: {began}\ndata: {number}\n\n"
            else:
                yield ":\n\n"  # a sign of life: who has gone is noticed
    finally:
        news.waiting -= 1
