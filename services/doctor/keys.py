"""Keys of the exchange and of DeepSeek: are they taken, and what do they allow? A key is never in what is said."""

import hashlib
import hmac
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from app.seam import clock
from services.doctor.check import Check, note, ok, wrong
from services.doctor.installation import Installation
from services.doctor.server_time import SYNC
from services.doctor.web import Answer, Unanswered
from services.settings import Secret

LOW_BALANCE = Decimal(1)
LATER = "run doctor again later"
LOOK_AT_KEY = (
    "on the exchange's site look that this is a trade-only key, without withdrawals (else make a new one), then set "
    "BINANCEUS_TRADE_ONLY_KEY to its first 8 characters"
)
SERVICES = {
    "Binance.US": ("binanceus_api_key", "binanceus_api_secret"),
    "DeepSeek": ("deepseek_api_key",),
    "CryptoPanic": ("cryptopanic_api_key",),
    "NewsAPI": ("newsapi_api_key",),
}


def not_configured(here: Installation) -> Check | None:
    lost = {name.lower() for name in here.salvaged.lost}
    names = [
        service
        for service, fields in SERVICES.items()
        if not any(field in lost or getattr(here.settings, field) for field in fields)
    ]
    return note("keys", f"not configured: {', '.join(names)}") if names else None


def unexpected(subject: str, status: int) -> Check:
    """What every service may answer besides yes and no."""
    if status == 429:
        return note(subject, "not checked: too many requests, or the quota is used up", LATER)
    if 300 <= status < 400:
        return note(subject, f"not checked: sent elsewhere (HTTP {status})", "correct the service's address")
    if status >= 500:
        return note(subject, f"not checked: the service is in trouble (HTTP {status})", LATER)
    return note(subject, f"not checked: an unexpected answer (HTTP {status})", "look at the service's address")


# ---------------------------------------------------------------- Binance.US


async def binance(here: Installation) -> Check | None:
    subject = "Binance.US key"
    key, secret = here.settings.binanceus_api_key, here.settings.binanceus_api_secret
    if not key and not secret:
        return None
    if not key or not secret:
        given, missing = ("key", "SECRET") if key else ("secret", "KEY")
        return wrong(subject, f"the {given} stands alone", f"set BINANCEUS_API_{missing}, too")
    url = signed(f"{here.settings.binanceus_rest_url}/api/v3/account", secret)
    try:
        answer = await here.web.get(url, {"x-mbx-apikey": key.reveal()})
    except Unanswered as error:
        return note(subject, f"not checked: {error.seen}", error.cure)
    if answer.status == 200 and isinstance(answer.json, dict) and "canTrade" in answer.json:
        return rights(subject, answer.json, confirmed=here.settings.trade_only_key_confirmed)
    return refused(subject, answer)


def signed(url: str, secret: Secret) -> str:
    """The address of a question about the account, with its time and signature."""
    query = urlencode({"recvWindow": 10_000, "timestamp": int(clock.now().timestamp() * 1000)})
    signature = hmac.new(secret.reveal().encode(), query.encode(), hashlib.sha256).hexdigest()
    return f"{url}?{query}&signature={signature}"


def rights(subject: str, account: dict[str, Any], *, confirmed: bool = False) -> Check:
    """The exchange tells of the account only; of the key its owner has to say that it may not withdraw."""
    if account.get("canWithdraw") is not False and not confirmed:
        seen = "is taken; the account may withdraw, and the exchange does not tell whether the key may"
        return wrong(subject, seen, LOOK_AT_KEY)
    if account.get("canTrade") is not True:
        return note(subject, "is taken, may read, and may not trade", "allow it to trade before real money is used")
    return ok(subject, "is taken, may trade, and may not withdraw")


def refused(subject: str, answer: Answer) -> Check:
    code = answer.json.get("code") if isinstance(answer.json, dict) else None
    if code in (-2014, -2015):
        cure = "paste it again; on the exchange's site look whether it still exists and takes this machine's address"
        return wrong(subject, f"is refused ({code}): unknown, or not allowed from this address", cure)
    if code == -1022:
        return wrong(subject, "does not fit its secret (-1022)", "paste BINANCEUS_API_KEY and its secret again")
    if code == -1021:
        return wrong(subject, "not checked: the exchange refuses this machine's time (-1021)", SYNC)
    if answer.status in (401, 403) and code is not None:
        return wrong(subject, f"is refused ({code})", "paste it again, or make a new one")
    return unexpected(subject, answer.status)


# ---------------------------------------------------------------- DeepSeek


async def deepseek(here: Installation) -> Check | None:
    subject, key = "DeepSeek key", here.settings.deepseek_api_key
    if not key:
        return None
    base, headers = here.settings.deepseek_base_url, {"authorization": f"Bearer {key.reveal()}"}
    try:
        answer = await here.web.get(f"{base}/models", headers)
        if answer.status == 200:
            names = model_names(answer.json)
            model = here.settings.deepseek_model
            if names and model not in names:
                cure = f"set DEEPSEEK_MODEL to one of: {', '.join(sorted(names)[:8])}"
                return note(subject, f"is taken, but the model {model} is not offered", cure)
            return await _balance(here, subject, headers)
    except Unanswered as error:
        return note(subject, f"not checked: {error.seen}", error.cure)
    if answer.status in (401, 403):
        return wrong(subject, f"is refused (HTTP {answer.status})", "paste DEEPSEEK_API_KEY again, or make a new one")
    return unexpected(subject, answer.status)


def model_names(answer: Any) -> set[str]:
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        return set()
    return {str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row}


async def _balance(here: Installation, subject: str, headers: dict[str, str]) -> Check:
    """Servers that only speak the same protocol have none."""
    try:
        answer = await here.web.get(f"{here.settings.deepseek_base_url}/user/balance", headers)
    except Unanswered:
        return ok(subject, "is taken")
    if answer.status != 200 or not isinstance(answer.json, dict):
        return ok(subject, "is taken")
    amounts = balances(answer.json)
    shown = ", ".join(f"{amount} {currency}" for currency, amount in amounts.items()) or "unknown"
    if answer.json.get("is_available") is False or (amounts and max(amounts.values()) < LOW_BALANCE):
        return note(subject, f"is taken, but little money is left for it ({shown})", "top up, or it stops answering")
    return ok(subject, f"is taken, balance {shown}")


def balances(answer: dict[str, Any]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    rows = answer.get("balance_infos")
    for row in rows if isinstance(rows, list) else []:
        try:
            amount = Decimal(str(row["total_balance"]))
            found[str(row["currency"])[:8]] = amount if amount.is_finite() else Decimal(0)
        except (KeyError, TypeError, InvalidOperation):
            continue
    return found
