"""Carries data between HubSpot and a data warehouse, both ways."""
