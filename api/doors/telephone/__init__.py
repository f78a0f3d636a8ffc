"""The telephone: numbers, callers and their calls, and what every line shares; each line is a module beside it.

A line is a wire and a `PhoneDialect`:

    class Carrier(PhoneDialect):
        line = "carrier"
        input = output = AudioFormat("mulaw", 8_000)

        async def start(self, wire): return Incoming(self.line, call_id, caller, called)
        def read(self, message): return Hear(data, at_ms) | Digit("1") | self.marked(name) | HangUp() | None
        def media(self, data): return [...]

    await PhoneLine(wire, Carrier(desk), desk).serve()

The `Desk` (one for the application, `app.state.telephone`) receives each call: it finds its number and its user, bounds
the calls, and keeps the record of each. What a caller hears without a call, such as that all lines are busy, is said by
`PhoneLine`.
"""
