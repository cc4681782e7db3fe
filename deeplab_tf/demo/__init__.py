"""A web page that labels photos."""
