"""Evidence that was changed by chance: what no case thought of."""

import json
import random

from .maker import World


class Changed:
    """Clean evidence of both parties, changed at one to three places; `write` gives evidence and anchors as paths."""

    base = None

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

    WAYS = (drop, repeat, character, member, member)
