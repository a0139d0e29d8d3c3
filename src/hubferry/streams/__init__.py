"""What can be pulled: data, no requests."""
