"""Shared by operations: required fields, and the rendering of a chat's time and grade."""

from api.doors.glow.operations.shapes import GradeData, Timer
from models.errors import Invalid
from models.records.outcomes import Grade
from pipeline.practice.timing import ChatTime


def required(value: str | None, sentence: str) -> str:
    """Return the value, which must not be empty.

    Raises:
        Invalid: it is missing or blank; the message is `sentence`.
    """
    if value is None or not value.strip():
        raise Invalid(sentence)
    return value


def timer(time: ChatTime) -> Timer:
    """Render a chat's time."""
    return Timer(
        time_limit_seconds=time.limit_s,
        started_at=time.started_at.isoformat() if time.started_at else None,
        ends_at=time.ends_at.isoformat() if time.ends_at else None,
        remaining_seconds=time.left_s,
        expired=time.expired,
    )


def grade_data(grade: Grade) -> GradeData:
    """Render a grade."""
    return GradeData(
        id=grade.id,
        score=grade.score,
        passed=grade.passed,
        description=grade.description,
        time_taken=grade.time_taken_s,
        total_points=grade.total_points,
        pass_points=grade.pass_points,
    )
