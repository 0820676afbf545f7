"""From a source of rows to an InteractionLog."""
