"""GeoTIFF files in and out."""
