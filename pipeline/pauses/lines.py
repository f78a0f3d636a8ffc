"""The sentences of the pause corpus: role-play lines, in two disjoint halves.

The endpointing rules are tuned on the first half and reported on the second.
"""

TUNING = """
i bought this phone last week and it does not turn on
i would like to change my appointment to friday
can you tell me how long the repair will take
my order number is four seven two nine
the doctor told me to come back in two weeks
i am calling because my bill looks wrong this month
do you have anything that is a little cheaper
we moved to a new apartment in march
she said the package would be here by now
i have tried to restart it three times already
could you please send me a copy of the form
the noise starts when i drive faster than forty
how much would it cost to replace the screen
i did not get the email that you sent
my son has been sick since sunday evening
yes i can come in tomorrow morning
what should i do if the pain comes back
it was working fine until the update
i need to speak with someone about my account
that sounds good to me
we usually meet in the library after class
thank you for explaining that so clearly
the last time i was here i saw a different nurse
is there a fee if i cancel today
i think the main reason is that we had no time
my name is peter wilson
he wants to know whether the shop is open on monday
no i have never had that problem before
there are four of us in the team
let me check my calendar and call you back
i was going to ask you about the second invoice
you can reach me at five five one two
the train was late so i missed the meeting
would it be possible to get a refund
they told us that the road is closed
i really liked the first part of the lesson
please leave the box next to the door
when does the next bus to the airport leave
i took the medicine with a glass of water
okay that makes sense
"""

REPORT = """
the heater in my room stopped working two days ago
i want to return these shoes because they are too small
can i pay for the ticket with a card
my reference number is eight three five one
the teacher asked me to rewrite the final chapter
i am worried that the results are late
are there any seats left for the evening show
we ordered two tables but only one arrived
he promised that somebody would call us today
i have been waiting here for almost an hour
could you explain the second step one more time
the light blinks whenever i plug in the charger
how far is the station from the hotel
i forgot the password for my online account
my mother fell down the stairs this morning
sure i will bring the papers with me
what happens when the contract ends
it only hurts when i lift my arm
i would rather talk to the manager about this
that is exactly what i meant
we normally start with a short review
thanks a lot for your help
the first time i called nobody answered the phone
do i need an appointment for the blood test
i believe the biggest problem is that nobody listens
my address is twelve park road
she asked me if the library opens on sunday
no we have not decided yet
there were six people in front of me
let me look at the list and get back to you
i was wondering about the price of the larger one
the best number is seven seven zero four
the flight was cancelled so we stayed another night
may i take a photo of the display
they say that the lift will be fixed soon
i especially enjoyed the group discussion
please put the letter on her desk
where can i find the parking machine
i washed it in cold water like the label says
alright then see you on thursday
"""


def lines(text: str) -> tuple[str, ...]:
    """Split a block into its lines."""
    return tuple(text.strip().splitlines())
