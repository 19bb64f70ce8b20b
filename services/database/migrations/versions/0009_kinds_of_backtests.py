"""What a backtest was to find out: only plain ones count as a backtest on record."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("backtests", sa.Column("kind", sa.String(), nullable=False, server_default="backtest"))


def downgrade() -> None:
    op.drop_column("backtests", "kind")
