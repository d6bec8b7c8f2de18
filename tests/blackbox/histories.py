"""Is there an order in which a history could have happened? Linearisability of one value, by Lowe's search.

A history is a list of operations with the moments of their call and return. One whose answer never came may have happened
at any moment after its call, or never; where the engine was killed, before that moment or never.
"""

import dataclasses
import math


@dataclasses.dataclass(eq=False)
class Operation:
    called: float
    returned: float  # infinite: its answer never came
    kind: str  # put, get, swap, swap-refused, add
    argument: object = None  # what it writes
    seen: object = None  # what it read, expected or answered
    killed: float = math.inf  # when the engine died that it was sent to

    def apply(self, state):
        """The state after it, or None where it cannot have happened on this state."""
        match self.kind:
            case "put":
                return (self.argument,)
            case "get":
                return (state,) if state == self.seen else None
            case "swap":
                return (self.argument,) if state == self.seen else None
            case "swap-refused":
                return (state,) if state == self.seen and state != self.argument else None
            case "add":
                after = (state or 0) + self.argument
                return (after,) if self.seen in (None, after) else None
        raise ValueError(self.kind)


def observable(history):
    """Leaves out what never answered and left nothing that was seen: it may as well not have happened."""
    seen = {operation.seen for operation in history if math.isfinite(operation.returned)}
    seen |= {operation.seen for operation in history if operation.kind == "swap"}
    return [operation for operation in history if math.isfinite(operation.returned) or may_matter(operation, seen)]


def may_matter(operation, seen):
    return operation.kind == "add" or (operation.kind != "get" and operation.argument in seen)


def explain(history, initial=None):
    """None where the history is linearisable, else the operation at whose return no order was left."""
    history = observable(history)
    events = [(operation.called, 0, operation) for operation in history]
    events += [(operation.returned, 1, operation) for operation in history if math.isfinite(operation.returned)]
    events += [(operation.killed, 2, operation) for operation in history if not math.isfinite(operation.returned)]
    events = [event for event in events if math.isfinite(event[0])]
    events.sort(key=lambda event: event[:2])
    pending = set()
    # What may be: the state, and which of the pending operations have happened already.
    possible = {(initial, frozenset())}
    for _, end, operation in events:
        if end == 0:
            pending.add(operation)
            continue
        possible = {
            (state, done - {operation})
            for state, done in reachable(possible, pending)
            if end == 2 or operation in done
        }
        pending.discard(operation)
        if not possible:
            return operation
    return None


def reachable(possible, pending):
    """Everything that may be once any of the pending operations have happened, in any order."""
    found, work = set(possible), list(possible)
    while work:
        state, done = work.pop()
        for operation in pending - done:
            after = operation.apply(state)
            if after is None:
                continue
            configuration = (after[0], done | {operation})
            if configuration not in found:
                found.add(configuration)
                work.append(configuration)
    return found
