"""Where fuzz inputs come from: well-formed texts, documents and bytes, damaged as they are in the world."""

import json

LETTERS = (
    "aA0 \t\n\r\\/'\"`<>&%$#_{}[]()|,;:.=+-*?!~^@"
    "\0\x1b\x7f\x85\u00a0\u00ad\u0301\u202e\u2028\ufeff\ufffd\u0660\u00b2éß星🎬"
)
WORDS = (
    "", "null", "nan", "NaN", "inf", "-inf", "1e400", "-0.0", "0x10", "1_000", "٣", "²", "true", "None", "../x", "/",
    "/etc/passwd", "C:\\x", "~", "a" * 300, "\0", "\x1b[2J", "𐀀", "<script>", "\\input{x}", "=1+1", "{{7*7}}", "%s%n",
    "ml-100k", "emoji", "sbert", "recall@20", "?", "&", "?a=b&a=b", "split=temporal", "9" * 30, "-1", "1.5",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 0.5, -0.0, 1e-320, 1e-12, 1e14, 1e15, 1e16, 1e308, -1e308, 2**31, 2**63, 2**64, 10**40, 3.0)


def text(random, length=12):
    """Any text, most of them short; no half of a pair, which no file can hold."""
    kind = random.random()
    if kind < 0.3:
        return random.choice(WORDS)
    if kind < 0.9:
        return "".join(random.choice(LETTERS) for _ in range(random.randrange(length)))
    return random.choice(WORDS) * random.randrange(1, 50)


def value(random, depth=0):
    """Anything that JSON can hold, lone halves of pairs included."""
    kind = random.randrange(8 if depth < 3 else 6)
    if kind < 4:
        odd = (float("nan"), float("inf"), float("-inf"), "\ud800", "a\udfffb")
        return random.choice(((None,), (True, False), NUMBERS, odd)[kind])
    if kind in (4, 5):
        return text(random)
    if kind == 6:
        return [value(random, depth + 1) for _ in range(random.randrange(4))]
    return {text(random): value(random, depth + 1) for _ in range(random.randrange(4))}


def damaged(random, document, times=None):
    """A copy of a JSON document with one to three of its parts replaced, left out, doubled or renamed."""
    document = json.loads(json.dumps(document))
    for _ in range(times if times is not None else random.choice((1, 1, 1, 2, 3))):
        parent, key = _somewhere(random, document)
        if parent is None:
            return value(random)
        kind = random.randrange(14)
        if kind >= 8:
            parent[key] = _alike(random, parent[key])
        elif kind == 0:
            del parent[key]
        elif kind == 1 and isinstance(parent, dict):
            parent[text(random)] = parent.pop(key)
        elif kind == 2 and isinstance(parent, list):
            parent.append(json.loads(json.dumps(parent[key])))
        elif kind == 3:
            parent[key] = {"x": parent[key]} if random.random() < 0.5 else [parent[key]]
        elif kind == 4 and isinstance(parent[key], str):
            parent[key] = damaged_text(random, parent[key])
        else:
            parent[key] = value(random)
    return document


def _alike(random, old):
    """Another value of the same kind, as a writer gives it who knows the format."""
    if isinstance(old, bool):
        return not old
    if isinstance(old, int | float):
        return random.choice((*NUMBERS, old * 2, -old))
    if isinstance(old, str):
        return text(random, 40)
    return json.loads(json.dumps(old)) if old is not None else random.choice(NUMBERS)


def _somewhere(random, document):
    """A container of the document and a key of it, every level being as likely as the next."""
    parent, key, node = None, None, document
    while isinstance(node, dict | list) and node and (parent is None or random.random() < 0.75):
        parent = node
        key = random.choice(list(node)) if isinstance(node, dict) else random.randrange(len(node))
        node = node[key]
    return parent, key


def damaged_text(random, whole):
    """A text with parts cut out, put in, doubled or exchanged."""
    for _ in range(random.choice((1, 1, 2, 3))):
        start = random.randrange(len(whole) + 1)
        end = min(len(whole), start + random.randrange(1 + random.choice((1, 2, 8, 80))))
        middle = random.choice(("", text(random), whole[start:end] * 2, whole[start:end][::-1], random.choice(WORDS)))
        whole = whole[:start] + middle + whole[end:]
        if len(whole) > 20_000:
            whole = whole[:20_000]
    return whole


def damaged_bytes(random, whole):
    """Bytes with some flipped, cut out, put in or cut off."""
    found = bytearray(whole)
    for _ in range(random.choice((1, 1, 2, 4))):
        kind, place = random.randrange(5), random.randrange(len(found) + 1)
        if kind == 0:
            found = found[:place]
        elif kind == 1:
            found[place:place] = random.randbytes(random.randrange(8))
        elif kind == 2:
            del found[place : place + random.randrange(16)]
        else:
            for _ in range(random.randrange(1, 4)):
                if found:
                    found[random.randrange(len(found))] = random.choice((0, 1, 127, 128, 255, random.randrange(256)))
    return bytes(found)
