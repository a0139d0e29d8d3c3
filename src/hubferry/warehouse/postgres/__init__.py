"""PostgreSQL as a warehouse (extra `postgres`)."""
