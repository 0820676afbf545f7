"""What sets the length of an edit: canaries and the rules made of them."""
