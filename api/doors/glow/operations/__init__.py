"""Every operation of the Glow surface, once: a function that parses a body, asks a lower floor, and renders its answer.

An operation is `async def chat_grade(service, user, body) -> reply`. Bodies and replies are pydantic models (the
`shapes_*` modules); what goes wrong is raised as a typed error of a lower floor, whose text is the documented sentence.
"""
