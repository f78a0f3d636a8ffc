"""Piper: neural voices from .onnx files, synthesized incrementally."""
