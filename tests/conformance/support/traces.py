"""Looking for numbers in whatever a program leaves behind, in each of the forms that programs write text in."""

import base64
import json


def base64_forms(text):
    """What of the number's base64 is the same wherever in a longer text it stands: three ways of falling over the groups."""
    raw = text.encode()
    for before in range(3):
        held = base64.b64encode(bytes(before) + raw).decode()
        first = -(-before * 4 // 3)
        last = (before + len(raw)) * 8 // 6
        yield held[first:last]


def forms(number):
    """The number as text, in JSON escapes, percent-encoded, in base64, in hexadecimal, and in UTF-16."""
    escaped = "".join(f"\\u{ord(each):04x}" for each in number)
    written = {
        "text": number,
        "JSON": escaped,
        "JSON in JSON": json.dumps(escaped)[1:-1],
        "percent": "".join(f"%{ord(each):02x}" for each in number),
        "hexadecimal": number.encode().hex(),
        **{f"base64, {place}": each for place, each in enumerate(base64_forms(number))},
    }
    found = {form: text.encode() for form, text in written.items()}
    # Whichever end comes first.
    found["UTF-16"] = b"\0".join(each.encode() for each in number)
    return found


class Traces:
    """Finds the numbers that it knows."""

    def __init__(self, numbers):
        self.known = {}
        for name, number in numbers.items():
            # A number is written without its first noughts too.
            for text in {number, number.lstrip("0")}:
                for form, raw in forms(text).items():
                    self.known[f"{name} as {form}"] = raw

    def within(self, held):
        """Under which names and in which forms numbers stand in these bytes, or in this text."""
        raw = held.encode() if isinstance(held, str) else held
        return [name for name, each in self.known.items() if each in raw]
