"""What lists show stands in columns of its own, so that no page reads whole decisions; a day's further figures."""

import sqlalchemy as sa
from alembic import op

from services.database.columns import Money

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQLITE = """
UPDATE decisions SET signal_count = json_array_length(record, '$.of.signals'),
    program_version = coalesce(json_extract(record, '$.of.program_version'), ''),
    config_sha256 = coalesce(json_extract(record, '$.of.config_sha256'), '')
"""
POSTGRESQL = """
UPDATE decisions SET signal_count = json_array_length(record::json #> '{of,signals}'),
    program_version = coalesce(record::json #>> '{of,program_version}', ''),
    config_sha256 = coalesce(record::json #>> '{of,config_sha256}', '')
"""


def upgrade() -> None:
    op.add_column("decisions", sa.Column("program_version", sa.String(), nullable=False, server_default=""))
    op.add_column("decisions", sa.Column("config_sha256", sa.String(), nullable=False, server_default=""))
    op.add_column("decisions", sa.Column("signal_count", sa.Integer(), nullable=False, server_default="0"))
    op.execute(SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL)
    op.create_index("ix_decisions_ledger_at", "decisions", ["ledger", "at"])
    op.create_index("ix_trades_ledger_timestamp", "trades", ["ledger", "timestamp"])
    op.add_column("daily_stats", sa.Column("pnl_pct", sa.Float(), nullable=True))
    op.add_column("daily_stats", sa.Column("fees", Money(), nullable=False, server_default="0"))
    op.add_column("daily_stats", sa.Column("equity_start", Money(), nullable=True))
    op.add_column("daily_stats", sa.Column("equity_end", Money(), nullable=True))


def downgrade() -> None:
    for column in ("equity_end", "equity_start", "fees", "pnl_pct"):
        op.drop_column("daily_stats", column)
    op.drop_index("ix_trades_ledger_timestamp", "trades")
    op.drop_index("ix_decisions_ledger_at", "decisions")
    for column in ("signal_count", "config_sha256", "program_version"):
        op.drop_column("decisions", column)
