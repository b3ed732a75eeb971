"""Checks of form: sections, paragraphs, lists, titles, brackets, quotes, case, punctuation, language."""

import json
import re
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator

from veriward.verifiers.instruction.checks import Count, Phrase, Position, check
from veriward.verifiers.instruction.language import LANGUAGES, code, is_in
from veriward.verifiers.instruction.texts import (
    PUNCTUATION,
    count_divided,
    divided,
    filled_lines,
    sentences,
    trimmed_words,
    without_punctuation,
    word_tokens,
)

CONSTRAINED_RESPONSES = ("My answer is yes.", "My answer is no.", "My answer is maybe.")

_PLACEHOLDER = re.compile(r"\[[^\[\]\n]*\]")
_HIGHLIGHT = re.compile(r"\*[^\n*]*\*")
_DOUBLE_HIGHLIGHT = re.compile(r"\*\*[^\n*]*\*\*")
_POSTSCRIPTS = {"P.P.S": re.compile(r"p\.\s?p\.\s?s"), "P.S.": re.compile(r"p\.\s?s\.")}
_FENCED = re.compile(r"\A```(?:json)?|```\Z", re.IGNORECASE)
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_THESIS = re.compile(r"<(i|em)>([^<]*)</\1>", re.IGNORECASE)
_MIN_NESTED_BRACKETS = 5
_MIN_NESTED_QUOTES = 3
_SMALL_WORDS_LISTED = (
    "a an the and but or nor for so yet as at by in of off on per to up via with from into onto over vs"
)
_SMALL_WORDS = frozenset(_SMALL_WORDS_LISTED.split())


def _known(language: str) -> str:
    if code(language) not in LANGUAGES:
        raise ValueError(f"{language!r} is none of the languages told apart: {' '.join(sorted(LANGUAGES))}")
    return language


@check("language:response_language")
def response_language(text: str, *, language: Annotated[Phrase, AfterValidator(_known)]) -> bool:
    """A text without letters is in no language; published, one that can't be told counts as followed."""
    return is_in(text, language)


@check("change_case:english_capital")
def english_capital(text: str) -> bool:
    return text.isupper() and is_in(text, "en")


@check("change_case:english_lowercase")
def english_lowercase(text: str) -> bool:
    return text.islower() and is_in(text, "en")


@check("length_constraints:number_paragraphs")
def number_paragraphs(text: str, *, num_paragraphs: Count) -> bool:
    """Paragraphs are divided by `***`."""
    return count_divided(divided(text)) == num_paragraphs


@check("paragraphs:paragraphs")
def two_divided_paragraphs(text: str) -> bool:
    return count_divided(divided(text)) == 2


@check("paragraphs:paragraphs2")
def two_paragraphs(text: str) -> bool:
    return count_divided(text.strip("\n").split("\n\n")) == 2


@check("length_constraints:nth_paragraph_first_word")
def nth_paragraph_first_word(text: str, *, num_paragraphs: Count, nth_paragraph: Position, first_word: Phrase) -> bool:
    """Paragraphs are divided by blank lines."""
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    if len(paragraphs) != num_paragraphs or nth_paragraph > num_paragraphs:
        return False
    words = trimmed_words(paragraphs[nth_paragraph - 1].split(None, 1)[0])
    return bool(words) and words[0].lower() == first_word.lower()


@check("detectable_content:number_placeholders")
def number_placeholders(text: str, *, num_placeholders: Count) -> bool:
    return len(_PLACEHOLDER.findall(text)) >= num_placeholders


@check("detectable_content:postscript")
def postscript(text: str, *, postscript_marker: Phrase) -> bool:
    pattern = _POSTSCRIPTS.get(postscript_marker)
    return (pattern.search(text.lower()) is not None) if pattern else postscript_marker.lower() in text.lower()


@check("detectable_format:number_bullet_lists")
def number_bullet_lists(text: str, *, num_bullets: Count) -> bool:
    """Lines that begin with `*`, unless bold, or with `-`; a line of dashes is none."""
    lines = [line.strip() for line in text.split("\n")]
    starred = sum(line.startswith("*") and line[1:2] not in ("", "*") for line in lines)
    return starred + sum(line.startswith("-") and line.strip("- ") != "" for line in lines) == num_bullets


@check("detectable_format:constrained_response")
def constrained_response(text: str) -> bool:
    """One of the three answers, and no second one."""
    return sum(answer in text for answer in CONSTRAINED_RESPONSES) == 1


@check("detectable_format:number_highlighted_sections")
def number_highlighted_sections(text: str, *, num_highlights: Count) -> bool:
    found = [*_HIGHLIGHT.findall(text), *_DOUBLE_HIGHLIGHT.findall(text)]
    return sum(bool(section.strip("* ")) for section in found) >= num_highlights


@check("detectable_format:multiple_sections")
def multiple_sections(text: str, *, section_spliter: Phrase, num_sections: Count) -> bool:
    return len(re.findall(rf"{re.escape(section_spliter)}\s?\d+", text)) >= num_sections


@check("detectable_format:json_format")
def json_format(text: str) -> bool:
    """An object or a list that holds something, in a fence or not, and nothing around it."""
    try:
        value: Any = json.loads(_FENCED.sub("", text.strip()))
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict | list) and bool(value)


@check("detectable_format:title")
def title(text: str) -> bool:
    """`<<some title>>` in one line."""
    return any(
        line[start:].rpartition(">>")[0].strip("<> ") != ""
        for line in text.split("\n")
        if (start := line.find("<<")) >= 0
    )


@check("detectable_format:square_brackets")
def square_brackets(text: str) -> bool:
    words = [word.rstrip(".,;:!?") for word in text.split()]
    return all(word.startswith("[") and word.endswith("]") and len(word) > 2 for word in words)


@check("detectable_format:bigram_wrapping")
def bigram_wrapping(text: str) -> bool:
    words = [word.rstrip(".,;:!?") for word in text.split()]
    pairs = zip(words[::2], words[1::2], strict=False)
    return len(words) >= 2 and all(first.startswith("<<") and second.endswith(">>") for first, second in pairs)


@check("detectable_format:sentence_hyphens")
def sentence_hyphens(text: str) -> bool:
    """`One.-Two.`: what lies between hyphens are the sentences, without blanks around them."""
    return text.strip().split("-") == sentences(text.replace("-", " "))


@check("startend:end_checker")
def end_checker(text: str, *, end_phrase: Phrase) -> bool:
    return text.strip().strip('"').lower().endswith(end_phrase.lower())


@check("startend:quotation")
def quotation(text: str) -> bool:
    bare = text.strip()
    return len(bare) > 1 and bare[0] == bare[-1] == '"'


@check("punctuation:no_comma")
def no_comma(text: str) -> bool:
    return not any(comma in text for comma in ",，،")


@check("punctuation:punctuation_dot")
def no_dot(text: str) -> bool:
    return "." not in text


@check("punctuation:punctuation_exclamation")
def no_exclamation(text: str) -> bool:
    return not any(mark in text for mark in "!！")


@check("format:parentheses")
def nested_brackets(text: str) -> bool:
    """Brackets of any kind, five deep, the innermost of which closes."""
    open_brackets: list[str] = []
    deepest = 0
    for character in text:
        if character in "([{":
            open_brackets.append(character)
            deepest = max(deepest, len(open_brackets))
        elif character in _BRACKETS:
            if open_brackets and open_brackets[-1] == _BRACKETS[character]:
                open_brackets.pop()
                if deepest >= _MIN_NESTED_BRACKETS:
                    return True
            else:
                open_brackets, deepest = [], 0
    return False


@check("format:quotes")
def nested_quotes(text: str) -> bool:
    """Quotes three deep, double and single in turn, all of which close."""
    levels: list[str] = []
    deepest = 0
    for character in text:
        if levels and character == levels[-1]:
            levels.pop()
            if deepest - len(levels) >= _MIN_NESTED_QUOTES:
                return True
        elif character in "\"'":
            levels.append(character)
            deepest = max(deepest, len(levels))
    return False


@check("format:options")
def options(text: str, *, options: Phrase) -> bool:
    """Exactly one of the options, divided by `/`, else by `or`, else by commas; lettered ones letter for letter."""
    lettered = re.match(r"\W*[aA]\W*[bB]\W*[cC]\W*", options) is not None
    divider = "/" if "/" in options else "or" if "or" in options else ","
    choices = [option.strip() for option in options.split(divider)]
    if lettered:
        return text.strip() in choices
    return text.strip(PUNCTUATION + " \n").lower() in [choice.strip(PUNCTUATION + " ").lower() for choice in choices]


@check("format:newline")
def newline(text: str) -> bool:
    """One word a line."""
    bare = without_punctuation(text)
    return len(filled_lines(bare)) == len(bare.split()) > 0


@check("format:emoji")
def emoji_sentences(text: str) -> bool:
    """An emoji ends every sentence, before its stop or after it."""
    from emoji import is_emoji

    found = [without_punctuation(sentence).strip() for sentence in sentences(text)]
    for bare, after in zip(found, [*found[1:], ""], strict=True):
        # The last sign may be a variation selector.
        if not any(map(is_emoji, bare[-2:])) and not is_emoji(after[:1]):
            return False
    return bool(found)


@check("format:line_indent")
def line_indent(text: str) -> bool:
    """Each line is indented by more blanks than the one before; one line is no stairs."""
    indents = [len(line) - len(line.lstrip(" ")) for line in filled_lines(text)]
    return len(indents) > 1 and all(before < after for before, after in pairwise(indents))


@check("format:quote_unquote")
def quote_unquote(text: str) -> bool:
    """No quotation follows another or ends the text."""
    plain = "".join(text.replace("“", '"').replace("”", '"').replace("'\"'", "").split())
    return '""' not in plain and plain.rstrip(PUNCTUATION.replace('"', ""))[-1:] != '"'


@check("format:list")
def list_items(text: str, *, sep: Phrase) -> bool:
    return text.count(sep) >= 2


@check("format:thesis")
def thesis(text: str) -> bool:
    """A statement in `<i>` or `<em>`, with a text after it."""
    found = _THESIS.search(text)
    return found is not None and found[2].strip() != "" and text[found.end() :].strip() != ""


@check("format:sub-bullets")
def sub_bullets(text: str) -> bool:
    """A `-` under every `*`; published, a text without any passes."""
    bullets = text.split("*")[1:]
    return bool(bullets) and all("-" in bullet for bullet in bullets)


@check("format:no_bullets_bullets")
def no_bullets_bullets(text: str) -> bool:
    """Two sentences or more, then two bullets `*` or more, then nothing."""
    lines = filled_lines(text)
    first = next((at for at, line in enumerate(lines) if line.strip().startswith("*")), len(lines))
    bullets = lines[first:]
    said = sum(len(sentences(line)) for line in lines[:first])
    return said >= 2 and len(bullets) >= 2 and all(line.strip().startswith("*") for line in bullets)


@check("format:title_case")
def title_case(text: str) -> bool:
    """Every word begins with a capital; small words within may be small."""
    words = [word for word in word_tokens(text) if word[0].isalpha()]
    return bool(words) and all(
        not word[0].islower() or (at > 0 and word in _SMALL_WORDS) for at, word in enumerate(words)
    )


@check("format:output_template")
def output_template(text: str) -> bool:
    """The three labels in their order, each with something after it."""
    rest = text
    for label in ("My Answer:", "My Conclusion:", "Future Outlook:"):
        before, found, rest = rest.partition(label)
        if not found or (label != "My Answer:" and not before.strip()):
            return False
    return bool(rest.strip())


@check("format:no_whitespace")
def no_whitespace(text: str) -> bool:
    """None within; around the text it does not matter."""
    return len(text.split()) == 1
