"""Systems that edit one trained model and read the retained data too: marked as such."""

SYSTEMS = ()
