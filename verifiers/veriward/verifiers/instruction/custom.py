"""IFBench's checks of one fixed request each: a list, a count, a table, a story."""

import csv
import io
import re
import unicodedata
from datetime import date
from itertools import pairwise

from veriward.verifiers.instruction.checks import check
from veriward.verifiers.instruction.texts import PUNCTUATION, filled_lines, sentences, without_punctuation

MULTIPLES = ["14", "21", "28", "35", "42", "49"]
# By latitude, from the north, as IFBench has them.
_CAPITALS_LISTED = (
    "Reykjavik Helsinki Oslo Tallinn Stockholm Riga Moscow Copenhagen Vilnius Minsk Dublin Berlin Amsterdam Warsaw "
    "London Brussels Prague Luxembourg Paris Vienna Bratislava Budapest Vaduz Chisinau Bern Ljubljana Zagreb"
)
CAPITALS = _CAPITALS_LISTED.split()
MIN_AFRICAN_COUNTRIES = 52
NAPOLEONS_YEARS = range(1769, 1822)

_QUESTION = re.compile(r"Question \d+[.|):;]?\s*")
_OPTION = re.compile(r"[A-Ea-e][.|)]\s*\w+")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)


@check("custom:multiples")
def multiples(text: str) -> bool:
    """The multiples of 7 from 10 to 50, and no other number."""
    return re.findall(r"\d+", text) == MULTIPLES


@check("custom:mcq_count_length")
def mcq_count_length(text: str) -> bool:
    """Four questions `Question n`, each longer than the one before, each with options A to E in lines."""
    if not text.startswith("Question"):
        return False
    questions = [part.strip() for part in _QUESTION.split(text) if part.strip()]
    lengths = []
    for question in questions:
        lines = [line.strip() for line in question.split("\n")]
        options = [at for at, line in enumerate(lines) if _OPTION.match(line)]
        if len(options) != 5:
            return False
        lengths.append(len(" ".join(lines[: options[0]]).strip()))
    return len(lengths) == 4 and all(one < two for one, two in pairwise(lengths))


@check("custom:reverse_newline")
def reverse_newline(text: str) -> bool:
    """From the line with Zimbabwe on, 52 different lines or more in descending order."""
    lines = [_ascii(bare) for line in text.split("\n") if (bare := line.strip(PUNCTUATION + " "))]
    start = next((at for at, line in enumerate(lines) if "Zimbabwe" in line), len(lines))
    listed = lines[start:]
    return len(set(listed)) == len(listed) >= MIN_AFRICAN_COUNTRIES and listed == sorted(listed, reverse=True)


@check("custom:word_reverse")
def word_reverse(text: str) -> bool:
    """One sentence that, its words reversed, names the bald eagle."""
    reversed_words = " ".join(without_punctuation(text.lower()).split()[::-1])
    return "bald eagle" in reversed_words and len(sentences(text)) == 1


@check("custom:character_reverse")
def character_reverse(text: str) -> bool:
    return "elgae dlab" in text.lower()


@check("custom:sentence_alphabet")
def sentence_alphabet(text: str) -> bool:
    """26 sentences that begin with a, b, c and so on."""
    firsts = [sentence.lstrip(PUNCTUATION + " “‘")[:1].lower() for sentence in sentences(text)]
    return firsts == list("abcdefghijklmnopqrstuvwxyz")


@check("custom:european_capitals_sort")
def european_capitals_sort(text: str) -> bool:
    listed = [capital.strip(" .\n") for capital in _ascii(text).split(",")]
    return [capital for capital in listed if capital] == CAPITALS


@check("custom:csv_city")
def csv_city(text: str) -> bool:
    rows = _rows(text, ",")
    return _shaped(rows, 8) and rows[0] == ["ID", "Country", "City", "Year", "Count"]


@check("custom:csv_special_character")
def csv_special_character(text: str) -> bool:
    """A field in double quotes has a sign that is no letter, digit or blank."""
    rows = _rows(text, ",")
    header = [field.strip(' "') for field in rows[0]] if _shaped(rows, 15) else []
    if header != ["ProductID", "Category", "Brand", "Price", "Stock"]:
        return False
    return any(re.search(r"[^\w\s]", field) for field in re.findall(r'"([^"\n]*)"', text))


@check("custom:csv_quotes")
def csv_quotes(text: str) -> bool:
    """Every field in double quotes, the header's too, divided by tabs."""
    lines = filled_lines(text.strip())
    fields = [[field.strip() for field in line.split("\t")] for line in lines]
    quoted = all(len(field) > 1 and field[0] == field[-1] == '"' for row in fields for field in row)
    if not quoted or not _shaped(fields, 4):
        return False
    return [field.strip('"') for field in fields[0]] == ["StudentID", "Subject", "Grade", "Semester", "Score"]


@check("custom:date_format_list")
def date_format_list(text: str) -> bool:
    """Days of the calendar in Napoleon's lifetime, as YYYY-MM-DD, divided by commas, and nothing else."""
    for listed in text.strip().split(","):
        found = _DATE.fullmatch(listed.strip())
        if found is None or int(found[1]) not in NAPOLEONS_YEARS:
            return False
        try:
            date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            return False
    return True


def _rows(text: str, delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text.strip()), delimiter=delimiter))
    except csv.Error:
        return []


def _shaped(rows: list[list[str]], count: int) -> bool:
    return len(rows) == count and all(len(row) == 5 for row in rows)


def _ascii(text: str) -> str:
    """Without accents: `São Tomé` is `Sao Tome`."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
