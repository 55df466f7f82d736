"""Speed contests and load tests, in separate processes."""
