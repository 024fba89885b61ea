"""The client protocol: messages, session states, SDP negotiation, and the WebSocket around them."""
