"""The studies behind the documentation's figures."""
