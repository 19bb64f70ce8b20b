"""What `config/app.yml` says: news keywords, prices of models, alerts. Typed dicts and defaults."""

import copy
from decimal import Decimal
from typing import TypedDict

from app.notices import AlertRules


class NewsConfig(TypedDict):
    keywords: dict[str, tuple[str, ...]]


class DeepSeekConfig(TypedDict):
    prices: dict[str, dict[str, Decimal]]  # model → cached_usd, input_usd, output_usd per million tokens
    cutoffs: dict[str, str]  # model → last day it knows


class AppConfig(TypedDict):
    news: NewsConfig
    deepseek: DeepSeekConfig
    alerts: AlertRules


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
    "alerts": AlertRules(),
}


def default_app_config() -> AppConfig:
    return copy.deepcopy(_DEFAULT)
