"""The tutor: lessons taught by script or by a language model with tools, written or spoken."""
