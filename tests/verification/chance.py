"""Evidence that was changed by chance: what no case thought of."""

import json
import random
import re

from .authority import base64url
from .maker import World
from .signatures import unbase64url


class Changed:
    """Clean evidence of both parties, changed at one to three places; `write` gives evidence and anchors as paths."""

    base, other = None, None

    def __init__(self, seed):
        self.chance = random.Random(seed)
        if Changed.base is None:
            world = World(1).busy(4)
            Changed.base = ([json.dumps(each) for each in world.lines()], world.authority.anchors)
        lines, self.anchors = Changed.base
        self.lines = list(lines)
        self.told = [self.chance.choice(self.WAYS)(self) for _ in range(self.chance.choice((1, 1, 1, 2, 3)))]

    def write(self, folder):
        raw = "\n".join([*self.lines, ""]).encode("utf-8", "surrogatepass")
        (folder / "evidence.jsonl").write_bytes(raw)
        (folder / "anchors.pem").write_bytes(self.anchors)
        return folder / "evidence.jsonl", folder / "anchors.pem"

    @property
    def place(self):
        return self.chance.randrange(len(self.lines))

    def drop(self):
        at = self.place
        del self.lines[at]
        return f"line {at + 1} dropped"

    def repeat(self):
        at, to = self.place, self.place
        self.lines.insert(to, self.lines[at])
        return f"line {at + 1} again before {to + 1}"

    def character(self):
        at = self.place
        line = self.lines[at]
        where = self.chance.randrange(len(line))
        self.lines[at] = line[:where] + self.chance.choice('09azAZ_-"\\{}[],:é ') + line[where + 1 :]
        return f"line {at + 1}, character {where + 1}"

    def member(self):
        """A member gone, renamed, of another type, or with the value of the same member elsewhere."""
        at, other = self.place, self.place
        try:
            line = json.loads(self.lines[at])
            name = self.chance.choice(list(line))
            elsewhere = json.loads(self.lines[other])
        except (ValueError, IndexError, TypeError):
            return "nothing"
        way = self.chance.randrange(4)
        value = line.pop(name)
        if way == 1:
            line[name + "s"] = value
        elif way == 2:
            line[name] = self.chance.choice((None, -1, 0, 1.5, 1 << 70, "", [], {}, True, "A" * 43))
        elif way == 3:
            line[name] = elsewhere.get(name, value) if isinstance(elsewhere, dict) else value
        self.lines[at] = json.dumps(line)
        return f"line {at + 1}, {name} {('gone', 'renamed', 'of another type', f'as in line {other + 1}')[way]}"

    def decoded(self, at):
        """The line's texts that are base64url of some length, each with how to put it back."""
        try:
            line = json.loads(self.lines[at])
        except ValueError:
            return None, []
        line = line if isinstance(line, dict) else {}
        return line, [name for name, value in line.items() if isinstance(value, str) and re.fullmatch(r"[\w-]{22,}", value)]

    def bit(self):
        """A bit of what a base64url text stands for, which then is as well formed as before."""
        at = self.place
        line, names = self.decoded(at)
        if not names:
            return "nothing"
        name = self.chance.choice(names)
        raw = bytearray(unbase64url(line[name]))
        raw[self.chance.randrange(len(raw))] ^= 1 << self.chance.randrange(8)
        line[name] = base64url(bytes(raw))
        self.lines[at] = json.dumps(line)
        return f"line {at + 1}, a bit of {name}"

    def exchanged(self):
        """A member of two lines of one type, each with the other's value."""
        at = self.place
        try:
            line = json.loads(self.lines[at])
            alike = [each for each in range(len(self.lines)) if each != at and json.loads(self.lines[each]).get("type") == line["type"]]
            other = self.chance.choice(alike)
            theirs = json.loads(self.lines[other])
            name = self.chance.choice([each for each in line if each in theirs and each != "type"])
        except (ValueError, IndexError, TypeError, KeyError, AttributeError):
            return "nothing"
        line[name], theirs[name] = theirs[name], line[name]
        self.lines[at], self.lines[other] = json.dumps(line), json.dumps(theirs)
        return f"lines {at + 1} and {other + 1}, {name} exchanged"

    def foreign(self):
        """A line of a journal of other days in the place of one of these."""
        at = self.place
        if Changed.other is None:
            Changed.other = [json.dumps(each) for each in World(2).busy(4).lines()]
        self.lines[at] = Changed.other[min(at, len(Changed.other) - 1)]
        return f"line {at + 1} of another journal"

    def twice(self):
        """A member that stands twice in a line, or in a payload."""
        at = self.place
        text = self.lines[at]
        name = self.chance.choice(re.findall(r'\\*"[a-z_]+\\*": ?', text) or ["nothing"])
        self.lines[at] = text.replace(name, name + "0, " + name, 1)
        return f"line {at + 1}, {name} twice"

    def text(self):
        """A number as text, or a text as a number; text in another normal form; something behind the line's end."""
        at, way = self.place, self.chance.randrange(4)
        text = self.lines[at]
        if way == 0:
            numbers = list(re.finditer(r": (\d+)", text))
            found = self.chance.choice(numbers) if numbers else None
            self.lines[at] = f'{text[: found.start(1)]}"{found[1]}"{text[found.end(1) :]}' if found else text
        elif way == 1:
            self.lines[at] = text.replace("o", self.chance.choice(("\u00f6", "o\u0308", "\\u006f")), 1)
        elif way == 2:
            self.lines[at] = text + self.chance.choice((" ", "}", "\x00", " {}", "\ufeff", "\r"))
        else:
            self.lines[at] = self.chance.choice((" ", "\ufeff", "\t", ",")) + text
        return f"line {at + 1}, text in way {way}"

    def statement(self):
        """Of an agreement: a statement gone, twice, elsewhere, or with the certificates of another."""
        at = self.chance.choice([each for each, line in enumerate(self.lines) if line.startswith('{"type": "agreement"')] or [0])
        try:
            line = json.loads(self.lines[at])
            statements = line["statements"]
            number, other, way = self.chance.randrange(len(statements)), self.chance.randrange(len(statements)), self.chance.randrange(4)
            if way == 0:
                del statements[number]
            elif way == 1:
                statements.append(statements[number])
            elif way == 2:
                statements.insert(other, statements.pop(number))
            else:
                statements[number]["chain"] = statements[other]["chain"]
        except (ValueError, KeyError, TypeError, IndexError):
            return "nothing"
        self.lines[at] = json.dumps(line)
        return f"line {at + 1}, statement {number + 1} in way {way}"

    WAYS = (drop, repeat, character, member, member, bit, bit, exchanged, foreign, twice, text, statement)
