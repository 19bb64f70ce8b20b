"""A story keeps the outlets that told it; stories are looked up by when they were seen."""

import json

import sqlalchemy as sa
from alembic import op

from services.database.columns import Words

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("news_events", sa.Column("sources", Words(), nullable=False, server_default="[]"))
    news = sa.table("news_events", sa.column("id", sa.String()), sa.column("source", sa.String()), sa.column("sources"))
    connection = op.get_bind()
    for row in connection.execute(sa.select(news.c.id, news.c.source)).all():
        told = json.dumps([row.source], ensure_ascii=False)
        connection.execute(sa.update(news).where(news.c.id == row.id).values(sources=told))
    op.create_index("ix_news_events_seen_at", "news_events", ["seen_at"])


def downgrade() -> None:
    op.drop_index("ix_news_events_seen_at", "news_events")
    op.drop_column("news_events", "sources")
