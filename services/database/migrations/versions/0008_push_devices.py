"""Devices for web push, with what must be known of each. The table was there before, and nothing wrote to it."""

import sqlalchemy as sa
from alembic import op

from services.database.columns import Name, Utc, Words

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("push_subscriptions")
    op.create_table(
        "push_subscriptions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("username", Name(), nullable=False),
        sa.Column("endpoint", Name(), nullable=False, unique=True),
        sa.Column("p256dh", sa.String(), nullable=False),
        sa.Column("auth", sa.String(), nullable=False),
        sa.Column("agent", Words(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.Column("error", Words(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("push_subscriptions")
    op.create_table(
        "push_subscriptions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("keys", sa.Text(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
    )
