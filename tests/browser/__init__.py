"""Tests with headless Chromium and the unmodified livekit-client."""
