"""What `config/app.yml` says: news keywords, prices of models, history, alerts, what is kept. With its defaults."""

import copy
from decimal import Decimal
from typing import TypedDict

from app.notices import AlertRules
from app.retention import Keep


class NewsConfig(TypedDict):
    keywords: dict[str, tuple[str, ...]]
    feeds: tuple[str, ...]


class DeepSeekConfig(TypedDict):
    prices: dict[str, dict[str, Decimal]]  # model → cached_usd, input_usd, output_usd per million tokens
    cutoffs: dict[str, str]  # model → last day it knows


class HistoryConfig(TypedDict):
    update_at: str  # HH:MM in UTC, or never


class AppConfig(TypedDict):
    news: NewsConfig
    deepseek: DeepSeekConfig
    history: HistoryConfig
    alerts: AlertRules
    keep: Keep


# A keyword is found in all its forms ("ban" in "banned"); one of several words, where they stand near each other.
_HIGH = (
    *("hack", "exploit", "security breach", "51% attack", "depeg", "flash crash"),
    *(
        "insolvent",
        "insolvency",
        "bankrupt",
        "bankruptcy",
        "chapter 11",
        "liquidity crisis",
        "bank run",
        "bank failure",
    ),
    *("halt withdrawal", "suspend withdrawal", "pause withdrawal", "freeze withdrawal"),
    *("ban", "outlaw", "sanction", "executive order", "strategic reserve"),
    *("sec sue", "sec charge", "cftc sue", "cftc charge", "doj charge"),
    *("etf approval", "etf approve", "etf reject", "etf rejection", "etf denial", "etf deny", "etf delay"),
    *("rate decision", "raise rates", "hike rates", "cut rates", "emergency meeting", "debt default"),
)
_MEDIUM = (
    *("sec", "cftc", "doj", "fbi", "irs", "fincen", "regulation", "regulator", "regulatory", "regulate", "legislation"),
    *("lawmaker", "senate", "congress", "lawsuit", "sue", "court", "judge", "fined", "settlement", "subpoena", "probe"),
    *("investigation", "indict", "arrest", "plead guilty", "money laundering", "fraud", "scam", "stolen", "theft"),
    *("ransomware", "seize", "crackdown", "shut down", "collapse", "delist", "listing", "tax", "license", "licence"),
    *(
        "etf",
        "approval",
        "partnership",
        "partner",
        "adoption",
        "adopt",
        "legal tender",
        "accept bitcoin",
        "integration",
    ),
    *("acquisition", "acquire", "institutional", "custody", "futures", "whale", "reserves", "outflow", "inflow"),
    *("liquidation", "liquidate", "layoff", "sell-off", "selloff", "crash", "outage", "mt gox", "private key"),
    *("halving", "hashrate", "hash rate", "difficulty adjustment", "miner", "hard fork", "soft fork", "upgrade"),
    *("fed", "federal reserve", "fomc", "powell", "interest rate", "rate hike", "rate cut", "inflation", "cpi", "ppi"),
    *("pce", "jobs report", "recession", "stimulus", "debt ceiling", "tariff", "central bank", "quantitative easing"),
    *("cbdc", "stablecoin", "tether", "usdt", "usdc", "invasion"),
)

_FREE_FEEDS = (
    "https://www.coindesk.com/arc/outboundfeeds/rss/",
    "https://cointelegraph.com/rss",
    "https://www.federalreserve.gov/feeds/press_monetary.xml",
)

_DEFAULT: AppConfig = {
    "news": {
        "keywords": {
            "high": _HIGH,
            "medium": _MEDIUM,
        },
        "feeds": _FREE_FEEDS,
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
    "history": {"update_at": "03:40"},
    "alerts": AlertRules(),
    "keep": Keep(),
}


def default_app_config() -> AppConfig:
    return copy.deepcopy(_DEFAULT)
