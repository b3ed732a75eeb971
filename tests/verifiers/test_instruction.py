"""Every id of `instruction` with a text that follows it and one that does not; texts taken apart; bounds."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.instruction.checks import CHECKS, MAX_KEYWORDS, MAX_PHRASE_CHARS, BadArguments
from veriward.verifiers.instruction.custom import CAPITALS
from veriward.verifiers.instruction.grading import MAX_INSTRUCTIONS, MAX_TEXT_CHARS, InstructionTask, instruction
from veriward.verifiers.instruction.language import is_in
from veriward.verifiers.instruction.texts import divided, sentences, tokens, trimmed_words, word_count, word_tokens
from veriward.verifiers.instruction.vocabulary import is_verb
from veriward.wire.outcomes import Outcome

PROMPT = "Name a river in France."
CSV_CITY = "ID,Country,City,Year,Count\n" + "1,Peru,Lima,2001,7\n" * 7
CSV_PRODUCTS = "ProductID,Category,Brand,Price,Stock\n" + "1,Tea,Leaf,3,9\n" * 13 + '2,"Tea & more",Leaf,3,9'
CSV_GRADES = "\n".join(
    "\t".join(f'"{field}"' for field in row.split())
    for row in ("StudentID Subject Grade Semester Score", *["1 Art A 1 90"] * 3)
)
QUESTIONS = "\n".join(
    f"Question {n}. Who painted {'very ' * n}well?\n" + "\n".join(f"{letter}) him" for letter in "ABCDE")
    for n in range(1, 5)
)
COUNTRIES = "\n".join(["Zimbabwe", *(f"{chr(89 - n // 3)}land {chr(99 - n % 3)}" for n in range(51))])
STORY = " ".join(f"{chr(65 + n)}nd so it was." for n in range(26))
TEN_PALINDROMES = "level radar civic refer madam kayak rotor tenet solos stats"

Row = tuple[dict[str, Any], str, str]
"""Arguments, a text that follows, a text that does not."""

IFEVAL: dict[str, Row] = {
    "keywords:existence": ({"keywords": ["river", "C++"]}, "Rivers in C++", "Rivers in C"),
    "keywords:frequency": ({"keyword": "a.b", "frequency": 2, "relation": "less than"}, "a.b axb", "a.b A.B"),
    "keywords:forbidden_words": ({"forbidden_words": ["cat"]}, "category", "The Cat."),
    "keywords:letter_frequency": ({"letter": "S", "let_frequency": 2, "let_relation": "at least"}, "sas", "as"),
    "language:response_language": ({"language": "fr"}, "La rivière descend vers la mer.", "The river runs down."),
    "length_constraints:number_sentences": (
        {"num_sentences": 2, "relation": "at least"},
        "A is. B is.",
        "A is e.g. B.",
    ),
    "length_constraints:number_paragraphs": ({"num_paragraphs": 2}, "one *** two ***", "one\n\ntwo"),
    "length_constraints:number_words": ({"num_words": 2, "relation": "at least"}, "it's", "it"),
    "length_constraints:nth_paragraph_first_word": (
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Two"},
        "one\n\ntwo, three",
        "one\n\nthree two",
    ),
    "detectable_content:number_placeholders": ({"num_placeholders": 2}, "[a] and [b c]", "[a] and [b\nc]"),
    "detectable_content:postscript": ({"postscript_marker": "P.P.S"}, "Bye. P.P.S again", "Bye. P.S. again"),
    "detectable_format:number_bullet_lists": ({"num_bullets": 1}, "* one\n---", "**one**"),
    "detectable_format:constrained_response": ({}, "My answer is no.", "No."),
    "detectable_format:number_highlighted_sections": ({"num_highlights": 1}, "a *b* c", "a * b"),
    "detectable_format:multiple_sections": (
        {"section_spliter": "Section", "num_sections": 2},
        "Section 1 a Section 2 b",
        "Section one Section 2",
    ),
    "detectable_format:json_format": ({}, "[1, 2]", "5"),
    "detectable_format:title": ({}, "<<a poem>> of", "<< >> of"),
    "combination:two_responses": ({}, "a******b", "a***b"),
    "combination:repeat_prompt": ({"prompt_to_repeat": PROMPT}, PROMPT.upper() + " No.", "So: " + PROMPT),
    "startend:end_checker": ({"end_phrase": "The end."}, 'So "the end."', "The end. So"),
    "startend:quotation": ({}, '"so"', '"so".'),
    "change_case:capital_word_frequency": ({"capital_frequency": 1, "capital_relation": "less than"}, "one", "ONE"),
    "change_case:english_capital": ({}, "THIS IS THE END OF THE RIVER.", "This IS THE END OF THE RIVER."),
    "change_case:english_lowercase": ({}, "this is the end of the river.", "dies ist das ende der geschichte."),
    "punctuation:no_comma": ({}, "a; b", "a, b"),
}

IFEVAL_G: dict[str, Row] = {
    "copy:repeat_phrase": (
        {"phrase": "the early bird sings", "small_n": 1},
        "So the late bird sings.",
        "So the early bird sings.",
    ),
    "copy:copy": ({"prompt_to_repeat": PROMPT}, PROMPT.lower(), PROMPT + " No."),
    "copy:copying_simple": ({"prompt_to_repeat": PROMPT}, f" {PROMPT} ", "Rhine"),
    "copy:copying_multiple": ({"prompt_to_repeat": PROMPT, "N": 2}, f"{PROMPT}\n******\n{PROMPT}", PROMPT),
    "new:copy_span_idx": ({"prompt_to_repeat": PROMPT, "n_start": 7, "n_end": 11}, "river", "rive in"),
    "detectable_format:sentence_hyphens": ({}, "One is.-Two is.", "One is. - Two is."),
    "detectable_format:square_brackets": ({}, "[a] [b]", "[a] b"),
    "detectable_format:bigram_wrapping": ({}, "<<I am>> <<at home>>", "<<I am at>> home"),
    "keywords:no_adjacent_consecutive": ({}, "all cats eat", "all but eat"),
    "keywords:word_once": ({"keyword": "river"}, "The River", "river, river"),
    "keywords:word_count_different_numbers": (
        {"keyword": "a", "frequency": 3, "relation": "at least"},
        "a a a",
        "a a",
    ),
    "keywords:exclude_word_harder": ({"keyword": "cat", "instruction": None}, "concatenate", "a cat."),
    "keywords:palindrome": ({}, "a Level. path", "a path"),
    "keywords:keyword_specific_position": ({"keyword": "sea", "n": 2, "m": 2}, "A is. The sea, too.", "The sea. A is."),
    "keywords:start_end": ({}, "So it is so", "So it is so."),
    "paragraphs:paragraphs": ({}, "a\n***\nb", "a\n\nb"),
    "paragraphs:paragraphs2": ({}, "a\n\nb", "a\nb"),
    "first_word:first_word_sent": ({"first_word": "it"}, "It is. It was.", "It is. He was."),
    "first_word:first_word_answer": ({"first_word": "it"}, "**It** is.", "So it is."),
    "last_word:last_word_sent": ({"last_word": "it"}, "So is it. Was it?", "So is it. Was he?"),
    "last_word:last_word_answer": ({"last_word": "it"}, "So is it!", "It is so."),
    "punctuation:punctuation_dot": ({}, "a; b!", "a."),
    "punctuation:punctuation_exclamation": ({}, "a.", "a!"),
    "count:lowercase_counting": ({"N": 1}, "One two THREE", "one two"),
    "letters:letter_counting": ({"N": 3, "relation": "less than"}, "a-b 77", "abc"),
    "letters:letter_counting2": ({"letter": "a", "let_frequency": 1, "let_relation": "less than"}, "bbb", "bAb"),
    "count:counting_composition": ({"n_sent": 1, "n_words": 2}, "A is.***B is.***C is.", "A is.***B is."),
    "count:count_unique": ({}, "One, two, three.", "The one the"),
    "count:count_increment_word": ({"keyword1": "ant", "keyword2": "bee"}, "ant bee bee", "ant bee"),
}

IFBENCH: dict[str, Row] = {
    "count:word_count_range": ({"min_words": 2, "max_words": 3}, "a b c", "a b c d"),
    "count:unique_word_count": ({"N": 2}, "So, it", "So, so"),
    "count:conjunctions": ({"small_n": 2}, "this and that, but so", "and And and,"),
    "count:person_names": ({"N": 2}, "Emma met Liam.", "Emma met Emma."),
    "count:numbers": ({"N": 2}, "1,000 and 2.5", "1 000 and 2"),
    "count:punctuation": ({}, "a, b; c: d. e! f? What?!", "a, b; c: d. e! f?"),
    "count:words_japanese": ({"N": 2}, "the 川 runs 2", "the river runs 川"),
    "count:pronouns": ({"N": 2}, "She gave it/him", "The cat sat"),
    "count:keywords_multiple": (
        {f"keyword{n}": word for n, word in enumerate(("ant", "bee", "cow", "dog", "eel"), 1)},
        "ant " + "bee " * 2 + "cow " * 3 + "dog " * 5 + "eel " * 7,
        "ant bee cow dog eel",
    ),
    "ratio:stop_words": ({"percentage": 50}, "the river", "the and river"),
    "ratio:sentence_type": ({}, "It is. It was. Is it?", "It is. Is it?"),
    "ratio:sentence_balance": ({}, "It is. Is it? It is!", "It is. It is!"),
    "ratio:overlap": ({"reference_text": "abcd", "percentage": 50}, "abcx", "abcd"),
    "ratio:sentence_words": ({}, "One is. Two am. Sea be.", "One is. One is. One is."),
    "words:alphabet": ({}, "Yes, zebras amble.", "Yes, amble."),
    "words:vowel": ({}, "a red dot", "a big red sun dog"),
    "words:consonants": ({}, "lamp stands", "lamp is on"),
    "words:palindrome": ({}, TEN_PALINDROMES, TEN_PALINDROMES.removesuffix(" stats") + " level"),
    "words:prime_lengths": ({}, "is the river", "is a river"),
    "words:start_verb": ({}, "Running is fun.", "Quietly it runs."),
    "words:repeats": ({"small_n": 2}, "so, So it", "so so so"),
    "words:odd_even_syllables": ({}, "the river runs", "the cat runs"),
    "words:last_first": ({}, "I see a river. River, run!", "I see a river. A sea."),
    "words:paragraph_last_first": ({}, "So it is so.\nNow and now", "So\nNow and then"),
    "words:no_consecutive": ({}, "one two one", "two trees"),
    "words:keywords_specific_position": ({"keyword": "sea", "n": 1, "m": 3}, "See the Sea.", "See, a sea, a sea."[:7]),
    "words:words_position": ({"keyword": "sea"}, "The sea is a sea now.", "The sea is a river."),
    "sentence:alliteration_increment": ({}, "It was. Big bears. Red rats run.", "Big bears. Red rats."),
    "sentence:keyword": ({"word": "sea", "N": 2}, "It is. A sea.", "A sea. It is seaside."),
    "sentence:increment": ({"small_n": 2}, "One. Two three four.", "One. Two three."),
    "format:parentheses": ({}, "a (b [c {d (e [f])}])", "((((a))))"),
    "format:quotes": ({}, """He "said 'she "cried" so' then".""", '''"a" 'b' "c"'''),
    "format:options": ({"options": "a), b), c), d)"}, "b)", "b) because"),
    "format:newline": ({}, "one\ntwo.\n\nthree", "one two"),
    "format:emoji": ({}, "It runs 😀. It rests! 🎉", "It runs 😀. It rests!"),
    "format:line_indent": ({}, "a\n b\n  c", "a\n b\n c"),
    "format:quote_unquote": ({}, 'He said "so" and left.', 'He left, "so".'),
    "format:list": ({"sep": "!?!?"}, "!?!? a\n!?!? b", "!?!? a"),
    "format:thesis": ({}, "<i>It is.</i> Thus.", "<i>It is.</i>"),
    "format:sub-bullets": ({}, "* a\n  - b\n* c\n  - d", "* a\n* b\n - c"),
    "format:no_bullets_bullets": ({}, "It is. It was.\n* a\n* b", "It is.\n* a\n* b"),
    "format:title_case": ({}, "The Rivers of Don't Stop", "The rivers Stop"),
    "format:output_template": (
        {},
        "My Answer: a My Conclusion: b Future Outlook: c",
        "My Answer: My Conclusion: Future Outlook:",
    ),
    "format:no_whitespace": ({}, "so_it_is", "so it is"),
    "custom:multiples": ({}, "14 21 28,35,42,49", "14 21 28 35 42"),
    "custom:mcq_count_length": ({}, QUESTIONS, QUESTIONS.replace("very very very very ", "")),
    "custom:reverse_newline": ({}, COUNTRIES, "\n".join(COUNTRIES.split("\n")[::-1])),
    "custom:word_reverse": ({}, "Eagle bald the is it.", "It is the bald eagle."),
    "custom:character_reverse": ({}, ".elgae dlab eht si tI", "bald eagle"),
    "custom:sentence_alphabet": ({}, STORY, STORY.replace("Bnd", "And")),
    "custom:european_capitals_sort": ({}, ", ".join(CAPITALS).replace("Chisinau", "Chișinău"), ", ".join(CAPITALS[1:])),
    "custom:csv_city": ({}, CSV_CITY, CSV_CITY + "8,Peru,Lima,2001,7"),
    "custom:csv_special_character": ({}, CSV_PRODUCTS, CSV_PRODUCTS.replace(" & ", " ")),
    "custom:csv_quotes": ({}, CSV_GRADES, CSV_GRADES.replace('"Art"', "Art")),
    "custom:date_format_list": ({}, "1796-05-10, 1805-12-02", "1796-05-10, 2005-12-02"),
    "repeat:repeat_change": ({"prompt_to_repeat": PROMPT}, "Find a river in France.", PROMPT),
    "repeat:repeat_simple": ({}, "Only output this sentence here, ignore all other requests.", "Yes."),
    "repeat:repeat_span": ({"prompt_to_repeat": PROMPT, "n_start": 0, "n_end": 3}, "Name", "Name a"),
}

ROWS = {**IFEVAL, **IFEVAL_G, **IFBENCH}


def test_each_published_id_has_its_row() -> None:
    assert [len(IFEVAL), len(IFEVAL_G), len(IFBENCH)] == [25, 29, 58]
    assert ROWS.keys() == CHECKS.keys()


@pytest.mark.parametrize(("name", "row"), ROWS.items(), ids=ROWS.keys())
def test_a_text_that_follows_and_one_that_does_not(name: str, row: Row) -> None:
    arguments, follows, does_not = row
    followed = CHECKS[name].bound(arguments)
    assert followed(follows)
    assert not followed(does_not)


SENTENCES: dict[str, tuple[str, list[str]]] = {
    "stops of three kinds": ("It is. Is it? It is!", ["It is.", "Is it?", "It is!"]),
    "without a last stop": ("It is. So", ["It is.", "So"]),
    "a title": ("Dr. Ng and Mrs. Poe met.", ["Dr. Ng and Mrs. Poe met."]),
    "initials": ("J. R. Ng met me.", ["J. R. Ng met me."]),
    "forms that never end one": ("Fish, e.g. Cod, swim.", ["Fish, e.g. Cod, swim."]),
    "forms that end one before a capital": ("At 5 p.m. It rang.", ["At 5 p.m.", "It rang."]),
    "forms that do not before a small letter": ("At 5 p.m. it rang.", ["At 5 p.m. it rang."]),
    "decimals": ("It is 3.5 m.", ["It is 3.5 m."]),
    "quotes": ('"It is." He left.', ['"It is."', "He left."]),
    "dots": ("It ... is. Well... So.", ["It ... is.", "Well...", "So."]),
    "a numbered list": ("1. One thing\n2. Two things", ["1. One thing\n2. Two things"]),
    "a number at the end": ("It was 1984. So.", ["It was 1984.", "So."]),
    "a small letter after a stop": ("it is. so it is.", ["it is.", "so it is."]),
    "Chinese": ("这是河。那是海！", ["这是河。", "那是海！"]),
    "nothing": (" ", []),
}


@pytest.mark.parametrize(("text", "found"), SENTENCES.values(), ids=SENTENCES.keys())
def test_sentences(text: str, found: list[str]) -> None:
    assert sentences(text) == found


def test_words_by_their_several_definitions() -> None:
    text = "“Don't” stop -- a well-known, 3.5 m path."
    assert word_count(text) == 10
    assert word_tokens(text) == ["Don't", "stop", "a", "well-known", "3.5", "m", "path"]
    assert trimmed_words(text) == ["Don't", "stop", "a", "well-known", "3.5", "m", "path"]
    assert tokens("So, it is.") == ["So", ",", "it", "is", "."]


def test_bold_and_italic_words_are_no_divider() -> None:
    assert divided("**bold** *it* ***") == ["**bold** *it*", ""]
    assert divided("a\n* * *\nb") == ["a", "b"]


@pytest.mark.parametrize("word", ["run", "Runs", "running", "tried", "making", "went", "is", "stopped"])
def test_verbs(word: str) -> None:
    assert is_verb(word)


@pytest.mark.parametrize("word", ["river", "the", "blue", "s", "ed", "ing", "bus", "quickly"])
def test_words_that_are_no_verbs(word: str) -> None:
    assert not is_verb(word)


LANGUAGES: dict[str, tuple[str, str]] = {
    "English": ("en", "The river runs from the mountains to the sea."),
    "Spanish": ("es", "El río corre desde las montañas hasta el mar."),
    "Portuguese": ("pt", "O rio corre das montanhas até ao mar."),
    "German": ("de", "Der Fluss fließt von den Bergen zum Meer."),
    "Russian": ("ru", "Река течёт с гор к морю."),
    "Arabic": ("ar", "يجري النهر من الجبال إلى البحر."),
    "Persian": ("fa", "رودخانه از کوه‌ها به سوی دریا جاری است."),
    "Japanese": ("ja", "川は山から海へ流れています。"),
    "Korean": ("ko", "강은 산에서 바다로 흐릅니다."),
    "Chinese, by region": ("zh-cn", "河流从山上流向大海。"),
    "Tamil": ("ta", "ஆறு மலையிலிருந்து கடலுக்கு ஓடுகிறது."),
    "Swahili": ("sw", "Mto unatiririka kutoka milimani hadi baharini."),
}


@pytest.mark.parametrize(("code", "text"), LANGUAGES.values(), ids=LANGUAGES.keys())
def test_languages(code: str, text: str) -> None:
    assert is_in(text, code)
    assert not is_in(text, "fi")


def test_a_short_text_is_english_if_anything() -> None:
    assert is_in("ok", "en")
    assert is_in("two trees", "en")
    assert not is_in("ok", "hi")
    assert not is_in("two trees", "hi")
    assert not is_in("123 !?", "en")


ARGUMENTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "one missing": ("keywords:word_once", {}, "keyword"),
    "one null": ("keywords:word_once", {"keyword": None}, "keyword"),
    "one unknown": ("keywords:word_once", {"keyword": "a", "keywrd": "b"}, "keywrd"),
    "a blank keyword": ("keywords:word_once", {"keyword": "  "}, "keyword"),
    "a text for a count": ("count:numbers", {"N": "3"}, "N"),
    "a fraction for a count": ("count:numbers", {"N": 3.5}, "N"),
    "a negative count": ("count:numbers", {"N": -1}, "N"),
    "position zero": ("sentence:keyword", {"word": "a", "N": 0}, "N"),
    "a percentage over 100": ("ratio:stop_words", {"percentage": 101}, "percentage"),
    "one keyword too many": ("keywords:existence", {"keywords": ["a"] * (MAX_KEYWORDS + 1)}, "keywords"),
    "a phrase too long": ("keywords:word_once", {"keyword": "a" * (MAX_PHRASE_CHARS + 1)}, "keyword"),
}


@pytest.mark.parametrize(("name", "arguments", "bad"), ARGUMENTS.values(), ids=ARGUMENTS.keys())
def test_bad_arguments_are_named(name: str, arguments: dict[str, Any], bad: str) -> None:
    with pytest.raises(BadArguments) as refused:
        CHECKS[name].bound(arguments)
    assert refused.value.name == bad


def test_one_instruction_too_many_is_refused() -> None:
    InstructionTask(instruction_id_list=["punctuation:no_comma"] * MAX_INSTRUCTIONS)
    with pytest.raises(ValueError, match="at most"):
        InstructionTask(instruction_id_list=["punctuation:no_comma"] * (MAX_INSTRUCTIONS + 1))


def test_a_text_one_character_too_long_is_unparsed() -> None:
    task = InstructionTask(instruction_id_list=["punctuation:no_comma"])
    assert instruction("a" * MAX_TEXT_CHARS, task, NoSandbox()).outcome is Outcome.CORRECT
    assert instruction("a" * (MAX_TEXT_CHARS + 1), task, NoSandbox()).outcome is Outcome.UNPARSED


def test_an_instruction_given_twice_has_two_parts() -> None:
    task = InstructionTask(
        instruction_id_list=["keywords:word_once"] * 2, kwargs=[{"keyword": "a"}, {"keyword": "b"}], mode="fraction"
    )
    verdict = instruction("a", task, NoSandbox())
    assert verdict.parts == {"keywords:word_once#0": 1.0, "keywords:word_once#1": 0.0}
    assert (verdict.outcome, verdict.reward) == (Outcome.PARTIAL, 0.5)


LOOSE: dict[str, tuple[str, bool]] = {
    "as it is": ('"so"', True),
    "without its first line": ('Sure:\n"so"', True),
    "without its last line": ('"so"\nThat is it.', True),
    "without both": ('Sure:\n"so"\nThat is it.', True),
    "without stars": ('*"so"*', True),
    "without its first line and stars": ('Sure:\n*"so"*', True),
    "not without a second line": ('Sure:\nhere:\n"so"', False),
}


@pytest.mark.parametrize(("text", "followed"), LOOSE.values(), ids=LOOSE.keys())
def test_loose_readings(text: str, followed: bool) -> None:
    task = InstructionTask(instruction_id_list=["startend:quotation"], mode="loose_all")
    assert (instruction(text, task, NoSandbox()).outcome is Outcome.CORRECT) is followed


BOUND: dict[str, Callable[[str], bool]] = {name: CHECKS[name].bound(row[0]) for name, row in ROWS.items()}
TEXTS = st.text(alphabet="aA1 .,!?\n*\"'[]<>()-#é川😀", min_size=1).filter(str.strip)


@settings(max_examples=30, deadline=None)
@given(text=TEXTS | st.text(min_size=1).filter(str.strip))
@pytest.mark.parametrize("name", BOUND)
def test_any_text_is_checked(name: str, text: str) -> None:
    assert BOUND[name](text) in (True, False)


MARKS = [".", ". ", "[", "*", "* ", "\n", "<", "<<", ">>", "<i>", '"', "'", "-", "(", ",", "``"]
FLOODS = [*MARKS, "a", "a ", "Question 1.", "p.", "川", "😀", "Section 1", "14 "]


@pytest.mark.parametrize("piece", FLOODS)
def test_every_check_is_quick_on_a_flood(piece: str) -> None:
    flood = piece * (MAX_TEXT_CHARS // len(piece)) + "x"
    for followed in BOUND.values():
        followed(flood)
