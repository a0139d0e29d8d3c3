"""A HubSpot account on this machine: HubSpot's behaviour over HTTP, on SQLite. Imports nothing of hubferry."""
