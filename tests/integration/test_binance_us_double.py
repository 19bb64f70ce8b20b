"""The double seen by a client that knows nothing of it: ccxt's own `binanceus`, unmodified."""

import shutil
import ssl
import subprocess
from decimal import Decimal
from pathlib import Path

import aiohttp
import ccxt.async_support as ccxt
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.binance_us_double import BinanceDouble
from tests.integration.binance_us_double_cases import BTC, with_ccxt

MINUTE = 60_000


async def test_markets_candles_prices_and_depth() -> None:
    async with with_ccxt() as (exchange, client):
        markets = await client.load_markets()
        assert markets[BTC]["active"]
        assert markets[BTC]["precision"] == {"amount": 1e-05, "price": 0.01, "base": 1e-08, "quote": 1e-08}
        assert markets[BTC]["limits"]["cost"]["min"] == 1
        exchange.candles.fill([(at * MINUTE, 100, 110, 90, 105, at) for at in range(1, 1501)])
        first = await client.fetch_ohlcv(BTC, "1m", MINUTE, 1000)
        second = await client.fetch_ohlcv(BTC, "1m", first[-1][0] + MINUTE, 1000)
        assert [len(first), len(second)] == [1000, 500]
        assert first[0] == [MINUTE, 100.0, 110.0, 90.0, 105.0, 1.0]
        quarter = await client.fetch_ohlcv(BTC, "15m", 15 * MINUTE, 2)
        assert [row[0] for row in quarter] == [15 * MINUTE, 30 * MINUTE]
        assert quarter[0][5] == sum(range(15, 30))
        exchange.market.book([("59990", "0.5"), ("59980", "1")], [("60010", "0.0001"), ("60020", "2")])
        book = await client.fetch_order_book(BTC, 20)
        assert book["bids"] == [[59990.0, 0.5], [59980.0, 1.0]]
        assert book["asks"] == [[60010.0, 0.0001], [60020.0, 2.0]]
        ticker = await client.fetch_ticker(BTC)
        assert (ticker["bid"], ticker["ask"], ticker["last"]) == (59990.0, 60010.0, 60000.0)
        assert (await client.fetch_time()) > 1_600_000_000_000
        trades = await client.fetch_trades(BTC)
        assert trades[-1]["price"] == 60000.0


async def test_a_market_that_is_halted_is_not_active() -> None:
    async with with_ccxt() as (exchange, client):
        exchange.listing.status = "BREAK"
        assert (await client.load_markets())[BTC]["active"] is False
        with pytest.raises(ccxt.MarketClosed):
            await client.create_order(BTC, "market", "buy", 0.01)


async def test_buying_pays_in_the_asset_that_was_bought() -> None:
    async with with_ccxt() as (exchange, client):
        order = await client.create_order(
            BTC, "limit", "buy", 0.1, 60100, {"timeInForce": "IOC", "clientOrderId": "e-1"}
        )
        assert (order["status"], order["filled"], order["average"]) == ("closed", 0.1, 60006.0)
        assert order["fees"] == [{"currency": "BTC", "cost": 0.00015}]
        balance = await client.fetch_balance()
        assert balance["BTC"] == {"free": 0.09985, "used": 0.0, "total": 0.09985}
        assert balance["USDT"]["total"] == 3999.4
        [trade] = await client.fetch_my_trades(BTC)
        assert (trade["order"], trade["amount"], trade["takerOrMaker"]) == (order["id"], 0.1, "taker")
        assert trade["fee"] == {"currency": "BTC", "cost": 0.00015}
        assert exchange.engine.of("e-1").status == "FILLED"


async def test_a_thin_book_fills_a_part_and_the_rest_expires() -> None:
    async with with_ccxt() as (exchange, client):
        exchange.market.book([("59990", 1)], [("60010", "0.0001"), ("60020", "0.0369"), ("60500", 5)])
        order = await client.create_order(BTC, "limit", "buy", 0.1, 60100, {"timeInForce": "IOC"})
        assert (order["status"], order["filled"]) == ("expired", 0.037)
        assert len(order["trades"]) == 2
        assert (await client.fetch_order(order["id"], BTC))["status"] == "expired"
        assert exchange.market.asks[0].price == 60500


async def test_market_orders_by_quantity_and_by_amount() -> None:
    async with with_ccxt() as (exchange, client):
        bought = await client.create_order(BTC, "market", "buy", 0.05)
        assert bought["filled"] == 0.05
        by_cost = await client.create_market_buy_order_with_cost(BTC, 1000)
        assert by_cost["filled"] == 0.01666
        sold = await client.create_order(BTC, "market", "sell", 0.02)
        assert (sold["status"], sold["average"]) == ("closed", 59994.0)
        assert exchange.account.locked["USDT"] == 0


async def test_a_resting_order_locks_is_cancelled_and_gives_back() -> None:
    async with with_ccxt() as (_, client):
        order = await client.create_order(BTC, "limit", "buy", 0.1, 50000, {"clientOrderId": "rest"})
        assert order["status"] == "open"
        assert (await client.fetch_balance())["USDT"]["used"] == 5000
        assert [each["clientOrderId"] for each in await client.fetch_open_orders(BTC)] == ["rest"]
        canceled = await client.cancel_order(order["id"], BTC)
        assert canceled["status"] == "canceled"
        assert (await client.fetch_balance())["USDT"]["used"] == 0
        assert await client.fetch_open_orders(BTC) == []
        assert [each["status"] for each in await client.fetch_orders(BTC)] == ["canceled"]
        with pytest.raises(ccxt.OrderNotFound):
            await client.cancel_order(order["id"], BTC)
        with pytest.raises(ccxt.OrderNotFound):
            await client.fetch_order("1", BTC)


async def test_an_order_is_found_by_its_client_id() -> None:
    async with with_ccxt() as (_, client):
        await client.create_order(BTC, "limit", "buy", 0.1, 50000, {"clientOrderId": "by-name"})
        found = await client.fetch_order(None, BTC, {"origClientOrderId": "by-name"})
        assert (found["clientOrderId"], found["status"]) == ("by-name", "open")


async def test_a_stop_waits_wakes_and_sells() -> None:
    async with with_ccxt(balances={"BTC": "0.1"}) as (exchange, client):
        order = await client.create_order(
            BTC, "limit", "sell", 0.1, 56000, {"stopLossPrice": 57000, "clientOrderId": "stop"}
        )
        assert (await client.fetch_balance())["BTC"]["used"] == 0.1
        exchange.market.move("57000.01")
        assert (await client.fetch_order(order["id"], BTC))["status"] == "open"
        exchange.market.move(57000)
        sold = await client.fetch_order(order["id"], BTC)
        assert (sold["status"], sold["filled"], sold["average"]) == ("closed", 0.1, 56994.3)


async def test_a_gap_below_the_limit_leaves_a_stop_limit_in_the_book() -> None:
    async with with_ccxt(balances={"BTC": "0.1"}) as (exchange, client):
        await client.create_order(BTC, "limit", "sell", 0.1, 56500, {"stopLossPrice": 57000, "clientOrderId": "stop"})
        exchange.market.move(52440)
        row = await client.fetch_order(None, BTC, {"origClientOrderId": "stop"})
        assert (row["status"], row["filled"], row["info"]["isWorking"]) == ("open", 0.0, True)


async def test_a_stop_without_limit_sells_into_whatever_bids_there_are() -> None:
    async with with_ccxt(balances={"BTC": "0.1"}) as (exchange, client):
        await client.create_order(BTC, "market", "sell", 0.1, None, {"stopLossPrice": 57000, "clientOrderId": "stop"})
        exchange.market.move(52440)
        row = await client.fetch_order(None, BTC, {"origClientOrderId": "stop"})
        assert (row["status"], row["average"]) == ("closed", 52434.76)


async def test_stop_orders_without_limit_may_be_missing() -> None:
    async with with_ccxt(stop_loss_orders=False) as (exchange, client):
        with pytest.raises(ccxt.InvalidOrder):  # ccxt looks into orderTypes itself
            await client.create_order(BTC, "market", "sell", 0.1, None, {"stopLossPrice": 57000})
        assert exchange.requests.of("POST /api/v3/order") == []


async def test_edit_order_moves_a_stop_in_one_step() -> None:
    async with with_ccxt(balances={"BTC": "0.1"}) as (exchange, client):
        old = await client.create_order(BTC, "limit", "sell", 0.1, 56000, {"stopLossPrice": 57000})
        new = await client.edit_order(old["id"], BTC, "limit", "sell", 0.1, 56500, {"stopPrice": 57500})
        assert (new["status"], new["triggerPrice"]) == ("open", 57500.0)
        assert [order.status for order in exchange.engine.orders] == ["CANCELED", "NEW"]
        assert exchange.account.locked["BTC"] == Decimal("0.1")


async def test_edit_order_can_lose_the_old_stop() -> None:
    async with with_ccxt(balances={"BTC": "0.1"}) as (exchange, client):
        old = await client.create_order(BTC, "limit", "sell", 0.1, 56000, {"stopLossPrice": 57000})
        with pytest.raises(ccxt.ExchangeError, match=r"-2021.*cancelResult.*SUCCESS.*would trigger immediately"):
            await client.edit_order(old["id"], BTC, "limit", "sell", 0.1, 60500, {"stopPrice": 61000})
        assert [order.status for order in exchange.engine.orders] == ["CANCELED"]
        with pytest.raises(ccxt.ExchangeError, match=r"-2022.*NOT_ATTEMPTED"):
            await client.edit_order(old["id"], BTC, "limit", "sell", 0.1, 56500, {"stopPrice": 57500})


async def test_the_traps_of_the_client_are_refused_as_the_real_exchange_refuses_them() -> None:
    async with with_ccxt(balances={"BTC": "0.1"}) as (exchange, client):
        protected = {"stopLoss": {"triggerPrice": 57000}, "takeProfit": {"triggerPrice": 70000}}
        with pytest.raises(ccxt.BadRequest, match="-1104"):
            await client.create_order(BTC, "limit", "buy", 0.1, 59000, protected)
        old = await client.create_order(BTC, "limit", "sell", 0.1, 56000, {"stopLossPrice": 57000})
        with pytest.raises(ccxt.BadRequest, match="-1104"):
            await client.edit_order(old["id"], BTC, "limit", "sell", 0.1, 56500, {"triggerPrice": 57500})
        with pytest.raises(ccxt.ExchangeNotAvailable):  # a path of another company, 404 here
            await client.fetch_trading_fees()
        assert len(exchange.engine.orders) == 1


@pytest.mark.parametrize(
    ("why", "error", "order"),
    [
        ("LOT_SIZE", ccxt.InvalidOrder, {"quantity": "0.000015"}),
        ("PRICE_FILTER", ccxt.InvalidOrder, {"price": "50000.001"}),
        ("MIN_NOTIONAL", ccxt.BadRequest, {"quantity": "0.00001"}),
        ("PERCENT_PRICE", ccxt.BadRequest, {"price": "1000"}),
        ("insufficient balance", ccxt.InsufficientFunds, {"quantity": "1"}),
        ("Stop loss orders are not supported", ccxt.BadRequest, {"type": "STOP_LOSS"}),
        ("would trigger immediately", ccxt.OrderImmediatelyFillable, {"type": "STOP_LOSS_LIMIT", "stopPrice": "59000"}),
        ("Duplicate order sent", ccxt.InvalidOrder, {"newClientOrderId": "twin"}),
    ],
)
async def test_refusals_become_the_classes_that_ccxt_knows(
    why: str, error: type[Exception], order: dict[str, str]
) -> None:
    async with with_ccxt(stop_loss_orders=False) as (_, client):
        await client.create_order(BTC, "limit", "buy", 0.01, 50000, {"clientOrderId": "twin"})
        sent = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        sent |= {"quantity": "0.01", "price": "50000"} | order
        if order.get("type") == "STOP_LOSS":
            sent = {"symbol": "BTCUSDT", "side": "BUY", "type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "61000"}
        with pytest.raises(error, match=why):
            await client.private_post_order(sent)


async def test_five_stops_and_no_more() -> None:
    async with with_ccxt(balances={"BTC": "1"}) as (_, client):
        for _ in range(5):
            await client.create_order(BTC, "limit", "sell", 0.1, 56000, {"stopLossPrice": 57000})
        with pytest.raises(ccxt.BadRequest, match="MAX_NUM_ALGO_ORDERS"):
            await client.create_order(BTC, "limit", "sell", 0.1, 56000, {"stopLossPrice": 57000})
        [first, *_] = await client.fetch_open_orders(BTC)
        moved = await client.edit_order(first["id"], BTC, "limit", "sell", 0.1, 56500, {"stopPrice": 57500})
        assert moved["status"] == "open"  # the old one makes room for the new one


def _fault(exchange: BinanceDouble, name: str) -> None:
    call = "GET /api/v3/account"
    match name:
        case "429":
            exchange.faults.rate_limited(call)
        case "418":
            exchange.weights.ban(120)
        case "order count":
            exchange.faults.too_many_orders(call)
        case "502":
            exchange.faults.add("html", call, status=502)
        case "lost":
            exchange.faults.lost_after(call, times=2)  # aiohttp asks once more by itself on a kept connection
        case "skew":
            exchange.clock.skew(+30)
        case "revoked":
            exchange.revoke_key()
        case code:
            exchange.faults.error(call, int(code))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("429", ccxt.DDoSProtection),
        ("418", ccxt.DDoSProtection),
        ("order count", ccxt.DDoSProtection),
        ("502", ccxt.ExchangeNotAvailable),
        ("lost", ccxt.NetworkError),
        ("skew", ccxt.InvalidNonce),
        ("revoked", ccxt.AuthenticationError),
        ("-1006", ccxt.OperationFailed),
        ("-1007", ccxt.RequestTimeout),
        ("-2015", ccxt.AuthenticationError),
    ],
)
async def test_faults_become_the_classes_that_ccxt_knows(fault: str, error: type[Exception]) -> None:
    async with with_ccxt() as (exchange, client):
        await client.load_markets()
        _fault(exchange, fault)
        with pytest.raises(error):
            await client.fetch_balance()


async def test_a_cut_answer_looks_like_an_empty_account() -> None:
    async with with_ccxt() as (exchange, client):
        exchange.faults.add("cut", "GET /api/v3/account", keep=200)
        assert (await client.fetch_balance())["total"] == {}


async def test_a_lost_answer_hides_an_order_that_exists() -> None:
    async with with_ccxt() as (exchange, client):
        await client.load_markets()
        exchange.faults.lost_before("POST /api/v3/order")
        with pytest.raises(ccxt.NetworkError):
            await client.create_order(BTC, "limit", "buy", 0.1, 50000, {"clientOrderId": "before"})
        exchange.faults.lost_after("POST /api/v3/order")
        with pytest.raises(ccxt.NetworkError):
            await client.create_order(BTC, "limit", "buy", 0.1, 50000, {"clientOrderId": "after"})
        assert [order.wish.client_id for order in exchange.engine.orders] == ["after"]


async def test_only_the_double_is_ever_dialled() -> None:
    async with with_ccxt() as (exchange, client):
        await client.load_markets()
        assert exchange.requests.hosts == {exchange.host}
        assert all("signature" not in each.params for each in exchange.requests.asked)


@pytest.fixture(scope="session")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the three names of Binance.US; nobody but this test believes it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    names = ",".join(f"DNS:{name}.binance.us" for name in ("api", "stream", "ws-api"))
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=double -out {path}"
    )
    subprocess.run(
        [*command.split(), "-keyout", f"{path}.key", "-addext", f"subjectAltName={names}"],
        check=True,
        capture_output=True,
    )
    return path


class EverythingIsHere(AbstractResolver):
    """Every name leads to the double."""

    def __init__(self, port: int) -> None:
        self.port, self.asked = port, set[str]()

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        self.asked.add(host)
        return [ResolveResult(hostname=host, host="127.0.0.1", port=self.port, family=family, proto=0, flags=0)]

    async def close(self) -> None: ...


async def test_under_its_real_names_ccxt_also_knows_the_rarer_errors(own_certificate: Path) -> None:
    """ccxt chooses its table of errors by the address; with the real one -1008 and -2021 have classes of their own."""
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(own_certificate, f"{own_certificate}.key")
    trusting = ssl.create_default_context(cafile=str(own_certificate))
    async with BinanceDouble("BTCUSDT", balances={"BTC": "0.1"}, tls=ours) as exchange:
        exchange.market.move(60_000)
        names = EverythingIsHere(exchange.port)
        client = ccxt.binanceus({"apiKey": exchange.key, "secret": exchange.secret})
        connector = aiohttp.TCPConnector(resolver=names, ssl=trusting)
        async with aiohttp.ClientSession(connector=connector) as session:
            client.session, client.own_session = session, False
            await client.load_markets()
            old = await client.create_order(BTC, "limit", "sell", 0.1, 56000, {"stopLossPrice": 57000})
            with pytest.raises(ccxt.BadResponse, match="-2021"):
                await client.edit_order(old["id"], BTC, "limit", "sell", 0.1, 60500, {"stopPrice": 61000})
            exchange.faults.error("GET /api/v3/account", -1008)
            with pytest.raises(ccxt.OperationFailed):
                await client.fetch_balance()
            await client.close()
        assert names.asked == exchange.requests.hosts == {"api.binance.us"}
