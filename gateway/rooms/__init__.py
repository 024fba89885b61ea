"""The domain: who is in which room, what they publish and who may have it. Pure: told the time."""
