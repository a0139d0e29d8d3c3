"""What runs by schedule, and who is told how it went. Calls the project, and nothing below it."""
