"""Tests of the control plane; the folders mirror `gateway/`."""
