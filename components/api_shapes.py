"""What the API answers, as its description says it: the fields of each row, and the errors each request may meet.

The rows are made elsewhere; `make fuzz-api` holds this description against what really comes.
"""

from typing import Any

from fastapi import FastAPI

Schema = dict[str, Any]

# `name:kind`, where a kind is s text, d a decimal as text, n number, i whole number, b true or false, t time, day,
# o anything nested, [X] a list of X, X another row; with ? it may be null.
ROWS = {
    "Status": "mode:s market:s symbol:s ledger:s state:s reason:s? resumes_at:t? price:d? price_at:t? market_at:t? "
    "connected:b equity:d cash:d day_pnl:d day_pnl_pct:n total_pnl:d total_pnl_pct:n open_positions:i trades_today:i "
    "protected_pct:n max_loss_if_server_dies:d two_factor:b version:s user_data:s? channels:[Channel] "
    "unseen_alerts:[GraveAlert] last_replay:o?",
    "Channel": "name:s status:s error:s changed_at:t? sent_at:t?",
    "GraveAlert": "id:s event:s title:s text:s at:t",
    "Position": "id:s symbol:s side:s status:s opened_at:t closed_at:t? entry_price:d quantity:d cost:d "
    "current_price:d? unrealized_pnl:d? unrealized_pnl_pct:n? stop_loss_price:d? stop_order_id:s stop_status:s "
    "trailing:o decision_id:s",
    "Trade": "id:s position_id:s symbol:s side:s opened_at:t closed_at:t quantity:d entry_price:d exit_price:d fees:d "
    "profit_loss:d profit_loss_pct:n exit_reason:s decision_id:s exit_decision_id:s reasoning:s signals:[o]",
    "Order": "id:s client_order_id:s exchange_order_id:s position_id:s decision_id:s symbol:s role:s side:s type:s "
    "time_in_force:s status:s quantity:d filled_quantity:d price:d? stop_price:d? average_price:d? fees:d created_at:t "
    "updated_at:t reason:s",
    "Fill": "id:s order_id:s position_id:s exchange_trade_id:s side:s price:d quantity:d fee:d fee_asset:s fee_quote:d "
    "at:t",
    "Flow": "id:s at:t kind:s amount:d note:s",
    "Decision": "id:s at:t candle_at:t symbol:s action:s score:n participation_pct:n price:d outcome:s reason:s "
    "order_ids:[s] program_version:s config_sha256:s",
    "WholeDecision": "id:s at:t action:s outcome:s candles:o signals:[Signal] vote:o risk_checks:[o]",
    "Signal": "id:s decision_id:s strategy:s action:s confidence:n weight:n? contribution:n? reasoning:s asked_at:t? "
    "given_at:t? expires_at:t? status:s sha256:s?",
    "Review": "date:day at:t? identical:b messages:i differences:o? drift:o?",
    "Voices": "date:day voices:[o]",
    "News": "id:s published_at:t seen_at:t source:s title:s url:s severity:s sentiment:s score:n keywords:[s] "
    "sources:[s]",
    "Alert": "id:s at:t event:s level:s title:s text:s acknowledged_at:t? acknowledged_by:s? over_at:t? letters:[o]",
    "Strategy": "name:s title:s enabled:b configured:b offered:b weight:n reads_text:b ask:s sha256:s? "
    "enabled_sha256:s? status:s error:s? performance:o",
    "LiveCheck": "passed:b? checked_at:t? items:[o]",
    "Log": "id:s at:t level:s component:s message:s details:o",
    "Day": "date:day trades:i winning_trades:i losing_trades:i total_pnl:d pnl_pct:n? fees:d equity_start:d? "
    "equity_end:d? max_drawdown_pct:n sharpe_ratio:n?",
    "AuditLine": "id:s at:t actor:s action:s target:s detail:s address:s result:s",
    "Backtest": "id:s status:s progress_pct:n created_at:t finished_at:t? data:s since:t? until:t? initial_cash:d "
    "error:s? result:o? files:[File]",
    "File": "name:s url:s",
    "Series": "name:s symbol:s timeframe:s candles:i first:t last:t missing:i imported_at:t",
    "Imported": "name:s notes:[s]",
    "Insights": "",
    "Limits": "limits:o bounds:o pending:[o] used:o",
    "Devices": "public_key:s items:[Device] total:i",
    "Device": "id:s name:s agent:s created_at:t sent_at:t? error:s? endpoint_sha256:s",
    "Sent": "sent:b error:s?",
    "Incident": "name:s text:s",
    "Token": "access_token:s token_type:s expires_in:i",
    "Closing": "command_id:s position_id:s status:s",
    "ClosingAll": "position_ids:[s]",
    "AcknowledgedAlerts": "acknowledged:i",
    "Problem": "title:s status:i detail:s",
}
PLAIN: dict[str, Schema] = {
    "s": {"type": "string"},
    "d": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "description": "decimal"},
    "n": {"type": "number"},
    "i": {"type": "integer"},
    "b": {"type": "boolean"},
    "t": {"type": "string", "format": "date-time"},
    "day": {"type": "string", "format": "date"},
    "o": {},
}
# A row, or [row] for a page of them; with a status where it is not 200.
ANSWERS: dict[tuple[str, str], tuple[int, str]] = {
    ("get", "/v1/status"): (200, "Status"),
    ("get", "/v1/positions"): (200, "[Position]"),
    ("get", "/v1/positions/{id}"): (200, "Position"),
    ("get", "/v1/trades"): (200, "[Trade]"),
    ("get", "/v1/trades.csv"): (200, "text/csv"),
    ("get", "/v1/orders"): (200, "[Order]"),
    ("get", "/v1/fills"): (200, "[Fill]"),
    ("get", "/v1/flows"): (200, "[Flow]"),
    ("get", "/v1/decisions"): (200, "[Decision]"),
    ("get", "/v1/decisions/{id}"): (200, "WholeDecision"),
    ("get", "/v1/signals"): (200, "[Signal]"),
    ("get", "/v1/insights"): (200, "Insights"),
    ("get", "/v1/reviews"): (200, "[Review]"),
    ("get", "/v1/reviews/{id}"): (200, "Review"),
    ("get", "/v1/voices"): (200, "[Voices]"),
    ("get", "/v1/news"): (200, "[News]"),
    ("get", "/v1/alerts"): (200, "[Alert]"),
    ("get", "/v1/strategies"): (200, "[Strategy]"),
    ("get", "/v1/strategies/{name}"): (200, "Strategy"),
    ("get", "/v1/live-check"): (200, "LiveCheck"),
    ("get", "/v1/logs"): (200, "[Log]"),
    ("get", "/v1/stats/daily"): (200, "[Day]"),
    ("get", "/v1/audit"): (200, "[AuditLine]"),
    ("get", "/v1/candles"): (200, "[o]"),
    ("get", "/v1/risk"): (200, "Limits"),
    ("post", "/v1/risk"): (200, "Limits"),
    ("get", "/v1/thresholds"): (200, "o"),
    ("post", "/v1/thresholds"): (200, "o"),
    ("get", "/v1/health/details"): (200, "o"),
    ("get", "/v1/incident"): (200, "Incident"),
    ("post", "/v1/channels/{name}/test"): (200, "o"),
    ("get", "/v1/backtests"): (200, "[Backtest]"),
    ("get", "/v1/backtests/{id}"): (200, "Backtest"),
    ("get", "/v1/backtests/{id}/files/{name}"): (200, "*/*"),
    ("get", "/v1/data"): (200, "[Series]"),
    ("post", "/v1/token"): (200, "Token"),
    ("post", "/v1/pause"): (200, "Status"),
    ("post", "/v1/resume"): (200, "Status"),
    ("post", "/v1/unlock"): (200, "Status"),
    ("post", "/v1/positions/{id}/close"): (202, "Closing"),
    ("post", "/v1/close-all"): (202, "ClosingAll"),
    ("post", "/v1/strategies/{name}"): (200, "Strategy"),
    ("post", "/v1/alerts/acknowledge"): (200, "AcknowledgedAlerts"),
    ("post", "/v1/backtests"): (202, "Backtest"),
    ("post", "/v1/data"): (201, "Imported"),
    ("delete", "/v1/backtests/{id}"): (204, ""),
    ("delete", "/v1/risk/pending/{id}"): (204, ""),
    ("get", "/v1/push"): (200, "Devices"),
    ("post", "/v1/push"): (200, "Device"),
    ("post", "/v1/push/{id}/test"): (200, "Sent"),
    ("delete", "/v1/push/{id}"): (204, ""),
}
ERRORS = {
    400: "the request ended too early, or is none",
    401: "not signed in",
    403: "the second factor is missing or wrong, the token may only read, or the first password still stands",
    404: "there is no such thing",
    409: "the state forbids it; the detail says which",
    413: "too large",
    415: "another media type than the one described",
    422: "bad input; the detail names the field and the cure",
    429: "too many requests; Retry-After says when to come again",
    503: "not ready: the exchange is being asked what is true, or the store does not answer",
}
READING = (401, 403, 404, 422, 429, 503)
UPLOAD = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        }
    },
}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "the same key and body again within 24 hours: the first answer, and nothing is done twice",
    "schema": {"type": "string", "pattern": "^[!-~]{1,64}$"},
}


def described(api: FastAPI) -> Schema:
    """OpenAPI, with answers and errors as they are."""
    whole: Schema = api.openapi()
    if "servers" in whole:  # it is made once and kept
        return whole
    whole["servers"] = [{"url": "/api"}]
    parts = whole.setdefault("components", {})
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    parts["schemas"] = {
        **{name: each for name, each in parts.get("schemas", {}).items() if "ValidationError" not in name},
        **{name: row(fields) for name, fields in ROWS.items()},
    }
    for path, operations in whole["paths"].items():
        for method, operation in operations.items():
            _complete(operation, method, path)
    return whole


def _complete(operation: Schema, method: str, path: str) -> None:
    status, shape = ANSWERS.get((method, path), (200, "o"))
    operation["responses"] = {str(status): _answer(shape), **_errors(READING if method == "get" else tuple(ERRORS))}
    operation["security"] = [] if path == "/v1/token" else [{"token": []}]
    if (method, path) == ("post", "/v1/data"):
        operation["requestBody"] = UPLOAD
    elif method != "get" and path != "/v1/token":
        operation.setdefault("parameters", []).append(KEY)


def _answer(shape: str) -> Schema:
    if not shape:
        return {"description": "done"}
    if "/" in shape:
        return {"description": "a file", "content": {shape: {"schema": {"type": "string"}}}}
    schema = _kind(shape)
    if shape.startswith("["):
        schema = {
            "type": "object",
            "required": ["items", "total"],
            "properties": {"items": schema, "total": {"type": "integer"}},
        }
    return {"description": "done", "content": {"application/json": {"schema": schema}}}


def _errors(statuses: tuple[int, ...]) -> Schema:
    content = {"application/problem+json": {"schema": _kind("Problem")}}
    return {str(status): {"description": ERRORS[status], "content": content} for status in statuses}


def row(fields: str) -> Schema:
    """More fields may come."""
    kinds = dict(field.split(":") for field in fields.split())
    return {
        "type": "object",
        "required": list(kinds),
        "properties": {name: _kind(kind) for name, kind in kinds.items()},
    }


def _kind(kind: str) -> Schema:
    if kind.endswith("?"):
        inner = _kind(kind[:-1])
        return {"anyOf": [inner, {"type": "null"}]} if inner else {}
    if kind.startswith("["):
        return {"type": "array", "items": _kind(kind[1:-1])}
    return PLAIN.get(kind, {"$ref": f"#/components/schemas/{kind}"})
