"""The account over REST: balances, fees, deposits and withdrawals, listenKeys."""

from typing import TYPE_CHECKING, Any

from tests.binance_us_double.amounts import text
from tests.binance_us_double.asking import Params
from tests.binance_us_double.refusals import Gateway
from tests.binance_us_double.routes import KEYED, SIGNED, route

if TYPE_CHECKING:
    from tests.binance_us_double.core import Core


@route("GET /api/v3/account", "omitZeroBalances", security=SIGNED, weight=20)
def account(core: "Core", params: Params) -> Any:
    seen = core.lag.account.newest(core.account.versions) or core.account.versions[0][1]
    return core.account.told(seen, omit_zeros=params.maybe("omitZeroBalances") == "true")


@route("GET /api/v3/rateLimit/order", security=SIGNED, weight=40)
def order_limits(core: "Core", params: Params) -> Any:
    counts = list(core.weights.order_headers().values())
    return [row | {"count": int(count)} for row, count in zip(core.weights.told()[1:3], counts, strict=True)]


@route("GET /sapi/v1/asset/query/trading-fee", "symbol", security=SIGNED)
def trading_fee(core: "Core", params: Params) -> Any:
    wanted = params.maybe("symbol")
    names = [core.engine.listing(wanted).symbol] if wanted else list(core.listings)
    rates = {"makerCommission": str(core.account.maker_rate), "takerCommission": str(core.account.taker_rate)}
    return [{"symbol": name} | rates for name in names]


@route("GET /sapi/v1/account/apiRestrictions", security=SIGNED)
def restrictions(core: "Core", params: Params) -> Any:
    """The exchange has no such door; a script may build one, as its sister has it."""
    if core.account.restrictions is None:
        raise Gateway(404)
    return core.account.restrictions


@route("GET /sapi/v1/system/status")
def system_status(core: "Core", params: Params) -> Any:
    return {"status": 1 if core.maintenance else 0, "msg": "system maintenance" if core.maintenance else "normal"}


@route("GET /sapi/v1/capital/deposit/hisrec", "coin status startTime endTime offset limit", security=SIGNED)
def deposits(core: "Core", params: Params) -> Any:
    return [
        {
            "amount": text(each["amount"]),
            "coin": each["asset"],
            "network": each["asset"],
            "status": 1,
            "address": "",
            "addressTag": "",
            "txId": f"deposit-{number}",
            "insertTime": each["ms"],
            "transferType": 0,
            "confirmTimes": "1/1",
        }
        for number, each in _flows(core, params, +1)
        if each["asset"] not in FIAT
    ]


@route(
    "GET /sapi/v1/capital/withdraw/history",
    "coin withdrawOrderId status startTime endTime offset limit",
    security=SIGNED,
)
def withdrawals(core: "Core", params: Params) -> Any:
    return [
        {
            "id": f"withdrawal-{number}",
            "amount": text(-each["amount"]),
            "transactionFee": "0",
            "coin": each["asset"],
            "status": 6,
            "address": "",
            "txId": f"withdrawal-{number}",
            "applyTime": each["ms"],
            "network": each["asset"],
            "transferType": 0,
        }
        for number, each in _flows(core, params, -1)
        if each["asset"] not in FIAT
    ]


FIAT = ("USD",)
FIAT_NAMES = "fiatCurrency orderId offset paymentChannel paymentMethod startTime endTime"


@route("GET /sapi/v1/fiatpayment/query/deposit/history", FIAT_NAMES, security=SIGNED)
def fiat_deposits(core: "Core", params: Params) -> Any:
    return _fiat(core, params, +1)


@route("GET /sapi/v1/fiatpayment/query/withdraw/history", FIAT_NAMES, security=SIGNED)
def fiat_withdrawals(core: "Core", params: Params) -> Any:
    return _fiat(core, params, -1)


def _fiat(core: "Core", params: Params, sign: int) -> dict[str, Any]:
    """Dollars have a list of their own, and no time in it."""
    rows = [
        {
            "orderId": f"{number:032x}",
            "paymentAccount": "******5678",
            "paymentChannel": "CHANNEL",
            "paymentMethod": "ACH",
            "orderStatus": each["status"],
            "amount": text(abs(each["amount"])),
            "transactionFee": "0.00",
            "platformFee": "0.00",
        }
        for number, each in _flows(core, params, sign)
        if each["asset"] == params.maybe("fiatCurrency")
    ]
    return {"assetLogRecordList": rows}


def _flows(core: "Core", params: Params, sign: int) -> list[tuple[int, dict[str, Any]]]:
    coin, start, end = params.maybe("coin"), params.whole("startTime"), params.whole("endTime")
    return [
        (number, each)
        for number, each in enumerate(core.account.flows)
        if each["amount"] * sign > 0
        and coin in (None, each["asset"])
        and (start is None or each["ms"] >= start)
        and (end is None or each["ms"] <= end)
    ]


# ---------------------------------------------------------------- listenKeys


@route("POST /api/v3/userDataStream", security=KEYED, weight=2)
def start_stream(core: "Core", params: Params) -> Any:
    return {"listenKey": core.user_data.start()}


@route("PUT /api/v3/userDataStream", "listenKey", security=KEYED, weight=2)
def keep_stream(core: "Core", params: Params) -> Any:
    core.user_data.keep(params.text("listenKey"))
    return {}


@route("DELETE /api/v3/userDataStream", "listenKey", security=KEYED, weight=2)
def close_stream(core: "Core", params: Params) -> Any:
    core.user_data.close(params.text("listenKey"))
    return {}
