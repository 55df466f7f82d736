"""Contests and load tests, each in processes of their own."""
