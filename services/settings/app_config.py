"""What `config/app.yml` says: news keywords, prices of models, alerts. Typed dicts and defaults."""

import copy
from decimal import Decimal
from typing import TypedDict


class NewsConfig(TypedDict):
    keywords: dict[str, tuple[str, ...]]


class DeepSeekConfig(TypedDict):
    prices: dict[str, dict[str, Decimal]]  # model → cached_usd, input_usd, output_usd per million tokens
    cutoffs: dict[str, str]  # model → last day it knows


class AlertsConfig(TypedDict):
    events: dict[str, tuple[str, ...]]  # event → channels
    quiet_hours: dict[str, str] | None  # start, end, in UTC


class AppConfig(TypedDict):
    news: NewsConfig
    deepseek: DeepSeekConfig
    alerts: AlertsConfig


_DEFAULT: AppConfig = {
    "news": {
        "keywords": {
            "high": ("hack", "exploit", "ban", "insolvent", "bankruptcy", "etf approval", "rate decision"),
            "medium": ("regulation", "lawsuit", "etf", "inflation", "halving", "outage"),
        }
    },
    "deepseek": {
        "prices": {
            "deepseek-flash": {
                "cached_usd": Decimal("0.006"),
                "input_usd": Decimal("0.30"),
                "output_usd": Decimal("1.20"),
            },
            "deepseek-v4-pro": {
                "cached_usd": Decimal("0.044"),
                "input_usd": Decimal("1.32"),
                "output_usd": Decimal("3.96"),
            },
        },
        "cutoffs": {},
    },
    "alerts": {
        "events": {
            "kill_switch": ("email", "sms", "push", "apprise"),
            "runaway": ("email", "sms", "push", "apprise"),
            "daily_loss": ("email", "push", "apprise"),
            "unprotected": ("email", "sms", "push", "apprise"),
            "connection_lost": ("email", "push", "apprise"),
            "order": ("push",),
            "warning": ("push",),
        },
        "quiet_hours": None,
    },
}


def default_app_config() -> AppConfig:
    return copy.deepcopy(_DEFAULT)
