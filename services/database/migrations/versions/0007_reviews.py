"""The market's candles as they were given, and each day's review."""

import sqlalchemy as sa
from alembic import op

from services.database.columns import Utc, Words

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "market_candles",
        sa.Column("ledger", sa.String(), primary_key=True),
        sa.Column("hour", Utc(), primary_key=True),
        sa.Column("candles", Words(), nullable=False),
    )
    op.create_table(
        "reviews",
        sa.Column("ledger", sa.String(), primary_key=True),
        sa.Column("date", sa.String(), primary_key=True),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("identical", sa.Boolean(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("differences", Words(), nullable=False),
        sa.Column("drift", Words(), nullable=False),
        sa.Column("voices", Words(), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("schema_number", sa.Integer(), nullable=False),
        sa.Column("state", Words(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("reviews")
    op.drop_table("market_candles")
