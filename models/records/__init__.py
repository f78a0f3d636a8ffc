"""The frozen records that the store returns."""
