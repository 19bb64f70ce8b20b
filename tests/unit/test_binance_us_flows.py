"""The exchange's own list of deposits and withdrawals: which rows count, and what happens where there is no list."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.core.model import ListedFlow
from app.seam import Clock
from services.binance_us.flows import FlowList
from tests.builders import d
from tests.unit.binance_us_opened import Peer, exchange_peer, opened

CAME, WENT = "GET /sapi/v1/capital/deposit/hisrec", "GET /sapi/v1/capital/withdraw/history"


def deposit(**changes: Any) -> dict[str, Any]:
    """The form of the exchange's own documents."""
    row = {"amount": "0.00999800", "coin": "USDT", "network": "ETH", "status": 1, "address": "0x7", "txId": "0xaad"}
    return {**row, "addressTag": "", "insertTime": 1599621997000, "transferType": 0, "confirmTimes": "1/1", **changes}


def withdrawal(**changes: Any) -> dict[str, Any]:
    row = {"id": "b6ae22", "amount": "8.91000000", "transactionFee": "0.004", "coin": "USDT", "status": 6}
    return {**row, "address": "0x94d", "txId": "0xb5e", "applyTime": "2019-10-12 11:12:02", "network": "ETH", **changes}


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with exchange_peer() as running:
        yield running


async def read(peer: Peer, times: int = 1) -> tuple[ListedFlow, ...] | None:
    clock = Clock()
    async with opened(peer, clock) as (exchange, _):
        flows = FlowList(exchange.client, exchange._rules.listing, clock)
        for _ in range(times):
            found = await flows.read()
        return found


async def test_what_was_credited_and_what_has_left_is_listed(peer: Peer) -> None:
    peer.says(CAME, [deposit()])
    peer.says(WENT, [withdrawal()])
    assert await read(peer) == (
        ListedFlow(id="deposit-0xaad", amount=d("0.009998")),
        ListedFlow(id="withdrawal-b6ae22", amount=d("-8.91"), fee=d("0.004")),
    )
    assert peer.calls(CAME)[0].params["coin"] == "USDT"


async def test_what_is_under_way_counts_from_the_moment_that_moves_the_balance(peer: Peer) -> None:
    peer.says(CAME, [deposit(status=status, txId=f"d{status}") for status in (0, 1, 6)])
    peer.says(WENT, [withdrawal(status=status, id=f"w{status}") for status in range(7)])
    ids = [flow.id.partition("-")[2] for flow in await read(peer) or ()]
    assert ids == ["d1", "d6", "w0", "w2", "w4", "w6"]


async def test_an_impossible_row_is_passed_over_and_hides_no_other(peer: Peer) -> None:
    odd = [{"amount": None}, {"amount": "NaN"}, {"amount": "-1"}, {"txId": ""}, {"txId": None, "id": 7}]
    peer.says(CAME, [*(deposit(**each) for each in odd), deposit(txId="good")])
    peer.says(WENT, [withdrawal(transactionFee="much")])
    assert [flow.id for flow in await read(peer) or ()] == ["deposit-good"]


@pytest.mark.parametrize("body", [{}, [1], "no", {"assetLogRecordList": "none"}])
async def test_an_answer_that_is_no_list_is_no_list(peer: Peer, body: Any) -> None:
    peer.says(CAME, body)
    peer.says(WENT, [withdrawal()])
    assert await read(peer) is None


async def test_nothing_listed_may_be_said_in_two_ways(peer: Peer) -> None:
    peer.says(CAME, {"assetLogRecordList": None})
    peer.says(WENT, [])
    assert await read(peer) == ()


async def test_a_key_without_the_right_is_not_asked_again_for_an_hour_and_is_not_called_refused(peer: Peer) -> None:
    peer.says(CAME, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, 401)
    assert await read(peer, times=3) == ()
    assert len(peer.calls(CAME)) == 1


async def test_no_answer_is_asked_for_again(peer: Peer) -> None:
    peer.says(CAME, {"code": -1000, "msg": "An unknown error occurred."}, 500)
    assert await read(peer, times=2) is None
    assert len(peer.calls(CAME)) == 2
