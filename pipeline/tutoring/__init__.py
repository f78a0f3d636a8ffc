"""The tutor: lessons taught by rule or by a language model with tools, written or spoken."""
