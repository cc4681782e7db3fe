"""Videos in and out."""
