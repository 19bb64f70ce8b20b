"""The WebSocket API: requests as JSON, answers with a status, account events to who subscribed with a signature."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.binance_us_double.asking import Keys
from tests.binance_us_double.channels import Connection
from tests.binance_us_double.refusals import Gateway, Refused

if TYPE_CHECKING:
    from tests.binance_us_double.core import Core


def answer(core: "Core", connection: Connection, said: str) -> None:
    """One request, one answer."""
    id: Any = None
    try:
        body = json.loads(said)
        id = body.get("id") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not isinstance(body.get("method"), str):
            raise Refused(-1135, "Invalid JSON Request")
        core.weights.charge(2)
        params = body.get("params") or {}
        result = _method(body["method"])(core, connection, params)
        told: dict[str, Any] = {"id": id, "status": 200, "result": result}
    except ValueError:
        told = {"id": None, "status": 400, "error": {"code": -1135, "msg": "Invalid JSON Request"}}
    except Refused as refused:
        told = {"id": id, "status": refused.status, "error": refused.body()}
    except Gateway as page:
        told = {"id": id, "status": page.status, "error": {"code": -1000, "msg": f"HTTP {page.status}"}}
    core.streams.api.reply(connection, told | {"rateLimits": core.weights.used()})


def _method(name: str) -> Callable[["Core", Connection, dict[str, Any]], Any]:
    methods: dict[str, Callable[[Core, Connection, dict[str, Any]], Any]] = {
        "ping": lambda core, connection, params: {},
        "time": lambda core, connection, params: {"serverTime": core.clock.ms()},
        "userDataStream.subscribe.signature": _subscribe,
        "userDataStream.unsubscribe": _unsubscribe,
        "session.subscriptions": lambda core, connection, params: [
            {"subscriptionId": number} for number in connection.subscriptions
        ],
        "userDataStream.start": _start,
        "userDataStream.ping": _keep,
        "userDataStream.stop": _stop,
    }
    if name not in methods:
        raise Refused(-1020)
    return methods[name]


def _subscribe(core: "Core", connection: Connection, params: dict[str, Any]) -> Any:
    if core.user_data.subscription_refused:
        raise Refused(-1020)
    _check_signed(core.keys, params)
    return {"subscriptionId": core.user_data.subscribe(connection)}


def _check_signed(keys: Keys, params: dict[str, Any]) -> None:
    """The signature is over all parameters but itself, sorted by name; times are numbers here, by the document."""
    if isinstance(params.get("timestamp"), str):
        raise Refused(-1130, "Data sent for parameter 'timestamp' is not valid.")
    values = {name: str(value) for name, value in params.items()}
    keys.check_key(values.get("apiKey"))
    keys.check_time(values)
    payload = "&".join(f"{name}={values[name]}" for name in sorted(values) if name != "signature")
    keys.check_signature(values.get("signature"), payload)


def _unsubscribe(core: "Core", connection: Connection, params: dict[str, Any]) -> Any:
    wanted = params.get("subscriptionId")
    connection.subscriptions = [each for each in connection.subscriptions if wanted not in (None, each)]
    return {}


def _start(core: "Core", connection: Connection, params: dict[str, Any]) -> Any:
    core.keys.check_key(str(params.get("apiKey", "")))
    return {"listenKey": core.user_data.start()}


def _keep(core: "Core", connection: Connection, params: dict[str, Any]) -> Any:
    core.keys.check_key(str(params.get("apiKey", "")))
    core.user_data.keep(str(params.get("listenKey", "")))
    return {}


def _stop(core: "Core", connection: Connection, params: dict[str, Any]) -> Any:
    core.keys.check_key(str(params.get("apiKey", "")))
    core.user_data.close(str(params.get("listenKey", "")))
    return {}
