"""The control plane of the gateway: it decides, the datapath carries. No packet passes here."""

__version__ = "0.1.0"
