"""Tests with real sockets and both real processes."""
