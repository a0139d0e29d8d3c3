"""The emulator beside HubSpot's own OpenAPI files and recorded answers."""
