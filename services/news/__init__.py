"""News: CryptoPanic, NewsAPI, feeds and a file of dated headlines, cleaned, weighed, each story told once.

All of it is written by strangers and is treated so. Nothing here knows what is traded, or trades.
"""

from collections.abc import Sequence
from datetime import timedelta

from app.seam import Clock, Tasks
from services.news.cryptopanic import CryptoPanic
from services.news.desk import NewsDesk
from services.news.headlines_file import read_headlines
from services.news.newsapi import NewsApi
from services.news.rss import Feed, feed_names
from services.news.source import Classifier, Source
from services.news.web import Web

__all__ = ["Classifier", "NewsDesk", "Source", "Web", "news_sources", "read_headlines"]


def news_sources(
    *,
    cryptopanic_key: str | None,
    cryptopanic_base_url: str,
    newsapi_key: str | None,
    newsapi_base_url: str,
    rss_urls: Sequence[str],
    seconds: int,
    web: Web,
    clock: Clock,
    tasks: Tasks,
) -> list[Source]:
    """Those that are set up. `seconds`: the shortest time between two questions to one of them."""
    pace = timedelta(seconds=seconds)
    found: list[Source] = []
    if cryptopanic_key:
        found.append(
            CryptoPanic(
                key=cryptopanic_key, base_url=cryptopanic_base_url, pace=pace, web=web, clock=clock, tasks=tasks
            )
        )
    if newsapi_key:
        found.append(NewsApi(key=newsapi_key, base_url=newsapi_base_url, pace=pace, web=web, clock=clock, tasks=tasks))
    for name, url in zip(feed_names(rss_urls), rss_urls, strict=True):
        found.append(Feed(name=name, url=url, pace=pace, web=web, clock=clock, tasks=tasks))
    return found
