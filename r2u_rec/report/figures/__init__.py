"""Every figure: the sheet it is drawn on, its labels, and what it shows."""
