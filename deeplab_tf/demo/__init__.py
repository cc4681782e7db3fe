"""A web page that labels images."""
