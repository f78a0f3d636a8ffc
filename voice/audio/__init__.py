"""Audio formats and containers: bytes in any format into 20 ms frames, and samples back into bytes."""
