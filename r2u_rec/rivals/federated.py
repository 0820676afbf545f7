"""To come."""

SYSTEMS = ()
