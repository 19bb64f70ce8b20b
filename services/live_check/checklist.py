"""The whole list, asked once: what comes from the exchange, from the books and from the disk, side by side."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from app.checklist import Checklist, Item
from app.seam import clock
from services.live_check import books, drill, exchange
from services.live_check.subject import Subject, waived
from services.logs import Redactor, visible

BOOKS_SECONDS = 30.0


async def look(here: Subject) -> Checklist:
    """Never raises for what it finds; what cannot be looked at is an item that says so."""
    of_exchange, of_books = await asyncio.gather(exchange.items(here), _books(here))
    certificate = await here.tasks.in_thread(
        lambda: drill.item(here.settings.data_dir, clock.now(), here.config_sha256)
    )
    if here.pretended:
        certificate = waived(certificate)
    clean = Redactor(here.settings.secrets()).text
    items = [*of_exchange, *of_books[:-1], certificate, of_books[-1]]
    return Checklist(at=clock.now(), items=tuple(_clean(item, clean) for item in items))


async def _books(here: Subject) -> list[Item]:
    try:
        async with asyncio.timeout(BOOKS_SECONDS):
            return await here.tasks.in_thread(lambda: books.items(here))
    except TimeoutError:
        return books.unanswered(BOOKS_SECONDS)


def _clean(item: Item, clean: Callable[[str], str]) -> Item:
    """Nothing secret, nothing invisible, one line."""
    seen, cure = (visible(" ".join(clean(text).split())) for text in (item.seen, item.cure))
    return replace(item, seen=seen, cure=cure)
