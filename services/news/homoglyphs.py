"""Letters that look like Latin ones, folded to what people read: "SЕC" with a Cyrillic "Е" is SEC.

For matching and comparing only; what people are shown stays as it was told.
"""

import unicodedata

# Letters of other scripts beside the Latin letter that they are mistaken for: the one-letter pairs for Cyrillic, Greek
# and Armenian of the Unicode Consortium's list of confusables (UTS #39, confusables.txt), small letters only.
_LOOKS_LIKE = {
    "а": "a", "ӓ": "a", "ӕ": "ae", "в": "b", "ь": "b", "с": "c", "ҫ": "c", "ԁ": "d", "е": "e", "ё": "e", "ҽ": "e",
    "ѐ": "e", "ғ": "f", "ԍ": "g", "һ": "h", "н": "h", "і": "i", "ї": "i", "ӏ": "l", "ј": "j", "к": "k", "қ": "k",
    "м": "m", "ո": "n", "п": "n", "о": "o", "ө": "o", "ӧ": "o", "р": "p", "ԛ": "q", "г": "r", "ѕ": "s", "т": "t",
    "ս": "u", "ц": "u", "ѵ": "v", "ԝ": "w", "ѡ": "w", "х": "x", "ҳ": "x", "у": "y", "ү": "y", "ұ": "y", "ӯ": "y",
    "α": "a", "β": "b", "ϲ": "c", "ε": "e", "η": "n", "ι": "i", "ϳ": "j", "κ": "k", "μ": "m", "ν": "v", "ο": "o",
    "ρ": "p", "σ": "o", "ς": "c", "τ": "t", "υ": "u", "χ": "x", "γ": "y", "ω": "w", "ζ": "z",
    "օ": "o", "հ": "h", "ց": "g", "յ": "j", "ք": "f", "ѓ": "r", "ќ": "k", "ı": "i", "ł": "l", "ø": "o", "đ": "d",
    "ħ": "h", "ŧ": "t", "ɑ": "a", "ɡ": "g", "ꜱ": "s", "ᴄ": "c", "ᴇ": "e", "ʙ": "b", "ᴛ": "t", "ɪ": "i",
    "ɴ": "n", "ʀ": "r", "ʟ": "l", "ꜰ": "f", "ʜ": "h", "ᴋ": "k", "ᴏ": "o", "ᴘ": "p", "ᴅ": "d", "ᴀ": "a", "ᴍ": "m",
    "‘": "'", "’": "'", "ʼ": "'", "‚": "'", "“": '"', "”": '"', "‐": "-", "‑": "-", "–": "-", "—": "-", "−": "-",
}  # fmt: skip
_TABLE = str.maketrans(_LOOKS_LIKE)
_CAPITALS = str.maketrans({"Н": "h", "Р": "p", "В": "b", "У": "y", "Η": "h", "Ρ": "p", "Υ": "y", "Ν": "n", "Χ": "x"})


def folded(text: str) -> str:
    """Small letters without accents, each as the Latin letter that it looks like."""
    small = text.translate(_CAPITALS).casefold()
    bare = "".join(each for each in unicodedata.normalize("NFKD", small) if not unicodedata.combining(each))
    return bare.translate(_TABLE)
