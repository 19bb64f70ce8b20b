"""Keys of the news services, each tried with one small question."""

from services.doctor.check import Check, note, ok, wrong
from services.doctor.installation import Installation
from services.doctor.keys import unexpected
from services.doctor.web import Unanswered


async def cryptopanic(here: Installation) -> Check | None:
    """Its key can only be given in the address, which therefore is shown nowhere."""
    subject, key = "CryptoPanic key", here.settings.cryptopanic_api_key
    if not key:
        return None
    asked = {"auth_token": key.reveal(), "public": "true", "currencies": "BTC"}
    try:
        answer = await here.web.get(f"{here.settings.cryptopanic_base_url}/posts/", params=asked)
    except Unanswered as error:
        return note(subject, f"not checked: {error.seen}", error.cure)
    if answer.status == 200 and isinstance(answer.json, dict):
        return ok(subject, "is taken")
    if answer.status == 401:
        return wrong(subject, "is refused (HTTP 401)", "paste CRYPTOPANIC_API_KEY again, or remove it")
    if answer.status == 403:
        cure = "look at the plan on its site and in CRYPTOPANIC_BASE_URL"
        return wrong(subject, "is not allowed what is asked (HTTP 403): another plan, or its quota is used up", cure)
    return unexpected(subject, answer.status)


async def newsapi(here: Installation) -> Check | None:
    """Costs one of the day's requests."""
    subject, key = "NewsAPI key", here.settings.newsapi_api_key
    if not key:
        return None
    asked = {"q": "bitcoin", "pageSize": "1"}
    try:
        answer = await here.web.get(f"{here.settings.newsapi_base_url}/everything", {"x-api-key": key.reveal()}, asked)
    except Unanswered as error:
        return note(subject, f"not checked: {error.seen}", error.cure)
    code = answer.json.get("code") if isinstance(answer.json, dict) else None
    if answer.status == 200 and code is None:
        return ok(subject, "is taken")
    if code in ("apiKeyExhausted", "rateLimited"):
        return note(subject, "is taken, but its requests are used up for now", "set NEWS_SECONDS higher")
    if answer.status == 401:
        return wrong(subject, "is refused (HTTP 401)", "paste NEWSAPI_API_KEY again, or remove it")
    return unexpected(subject, answer.status)
