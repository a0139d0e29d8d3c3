"""Rows into HubSpot: encode, identify, diff, plan, apply, verify."""
