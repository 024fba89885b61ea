"""From rooms to rows: transports, streams, legs, and the agreements they are derived from."""
