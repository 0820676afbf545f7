"""Every figure: the sheet it is drawn on, its labels, and what it shows. Needs the extra "plots"."""

from r2u_rec.optional import needed

needed("matplotlib", "a figure")
