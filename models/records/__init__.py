"""The frozen records that the store hands out."""
