"""Snowflake as a warehouse (extra `snowflake`)."""
