"""Audio formats and containers: bytes in any format to 20 ms frames, and samples back to bytes."""
