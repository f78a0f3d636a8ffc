"""Piper: neural voices from .onnx files, streamed in stretches."""
