"""Writes four small files in the form of Ali-CCP: python3 make.py FOLDER [rows users features].

The same bytes wherever it runs. Clicks follow item and user, conversions the intention that the item meets, so
that there is something to learn. Among the rows are what the published files have: fields that a row lacks,
fields with several words, words that the training rows lack, and purchases without a click.
"""

import sys
from pathlib import Path

HISTORIES = ("109_14", "110_14", "127_14", "150_14")


class Draws:
    """A linear congruential generator modulo 2^64, with Knuth's multiplier."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n


def line(head, features):
    text = "\x01".join(f"{field}\x02{word}\x03{value}" for field, word, value in features)
    return ",".join([*map(str, head), str(len(features)), text]) + "\n"


def common(draws, user, features):
    """A user's features: nine words, then histories."""
    # One user in eight gives no age.
    fields = {"101": 31000 + user, "121": user % 7, "122": user % 13, "124": 1 + user % 2, "125": user % 5}
    fields |= {"126": user % 3, "127": user % 4, "128": user % 2, "129": user % 6}
    listed = [(field, word, "1.0") for field, word in fields.items() if field != "125" or user % 8]
    for _ in range(features):
        field = HISTORIES[draws.below(4)]
        listed.append((field, 9000 + draws.below(500), f"{(10 + draws.below(400)) / 100}"))
    return listed


def sample(draws, user, items):
    """A row's features and labels."""
    item = draws.below(items)
    listed = [("205", 4186000 + item, "1.0"), ("206", 8300 + item % 9, "1.0"), ("207", 8400 + item % 17, "1.0")]
    for _ in range(draws.below(3)):
        listed.append(("210", 9030 + draws.below(40), "1.0"))
    if item % 5:
        listed.append(("216", 9150 + item % 11, "1.0"))
    listed.append(("301", 93510 + item % 3, "1.0"))
    meets = draws.below(3)
    if meets > 0:
        listed.append(("508", 9350 + item % 9, f"{(50 + draws.below(300)) / 100}"))
        listed.append(("853", 10080 + draws.below(6), f"{draws.below(4) / 2}"))
    if meets > 1:
        listed.append(("853", 10090 + draws.below(6), f"{draws.below(4) / 2}"))
    click = draws.below(10) < 2 + 2 * (item % 2) + 2 * (user % 2)
    purchase = click and draws.below(10) < 1 + 3 * meets
    if draws.below(50) == 0:
        click, purchase = False, True
    return int(click), int(purchase), listed


def write(folder, period, seed, rows, users, items, features):
    draws = Draws(seed)
    # The users of the two periods overlap; indexes do not.
    first = 0 if period == "train" else users // 2
    names = [f"{seed:04x}{draws.below(2**24):06x}{user:06x}" for user in range(users)]
    with open(folder / f"common_features_{period}.csv", "w", newline="") as file:
        for user, name in enumerate(names):
            file.write(line([name], common(draws, first + user, features)))
    with open(folder / f"sample_skeleton_{period}.csv", "w", newline="") as file:
        for number in range(rows):
            user = number * users // rows
            click, purchase, listed = sample(draws, first + user, items)
            file.write(line([number + 1, click, purchase, names[user]], listed))


def main():
    folder = Path(sys.argv[1])
    rows, users, features = (int(text) for text in sys.argv[2:]) if len(sys.argv) > 2 else (300, 24, 12)
    # Half as many rows to test on, of a few more items.
    write(folder, "train", 1, rows, users, max(40, rows // 20), features)
    write(folder, "test", 2, rows // 2, users, max(44, rows // 18), features)


if __name__ == "__main__":
    main()
