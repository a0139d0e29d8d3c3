"""Warehouse engines behind one small interface. Knows no HubSpot."""
