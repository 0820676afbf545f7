"""What all pages are made of: one base template, one style, and the parts between."""
