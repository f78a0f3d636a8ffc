"""The room put together: one object that a door asks, with a topic as each attribute."""

from models.store import Store
from pipeline.chats.hub import Rooms
from pipeline.coach.coach import Coach
from pipeline.practice.coaching import Coaching
from pipeline.practice.grading import Grading
from pipeline.practice.own_chats import OwnChats


class Practice:
    """What learners and their tools may do.

    Args:
        store: where everything is kept.
        coach: who grades and gives hints.
        rooms: who is told of what happens.
    """

    def __init__(self, *, store: Store, coach: Coach, rooms: Rooms) -> None:
        self.own = OwnChats(store)
        self.grading = Grading(store, coach, rooms, self.own)
        self.coaching = Coaching(store, coach, rooms, self.own)
