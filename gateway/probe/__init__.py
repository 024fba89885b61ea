"""Canary consultations: real participants that call through the gateway and check what arrives.

The WebRTC side is aiortc and PyAV, on purpose not our own code: a probe must not share bugs with
what it probes. It speaks the LiveKit client protocol (dialect v0) as any client does, publishes a
tone and a moving picture, decodes what it receives and looks at the content.

`content` is what is sent and recognised, `participant` a client, `call` a consultation of two.
"""
