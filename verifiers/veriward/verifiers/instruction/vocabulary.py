"""Closed lists of words that checks count: published ones, and English verbs for `words:start_verb`."""

CONJUNCTIONS = frozenset(["and", "but", "for", "nor", "or", "so", "yet"])

# As the instruction itself lists them.
_PERSON_NAMES_LISTED = (
    "Emma Liam Sophia Jackson Olivia Noah Ava Lucas Isabella Mason Mia Ethan Charlotte Alexander Amelia Benjamin "
    "Harper Leo Zoe Daniel Chloe Samuel Lily Matthew Grace Owen Abigail Gabriel Ella Jacob Scarlett Nathan Victoria "
    "Elijah Layla Nicholas Audrey David Hannah Christopher Penelope Thomas Nora Andrew Aria Joseph Claire Ryan "
    "Stella Jonathan"
)
PERSON_NAMES = frozenset(_PERSON_NAMES_LISTED.split())

_PRONOUNS_LISTED = (
    "i me we us you he him she her it they them my mine our ours your yours his hers its their theirs myself "
    "ourselves yourself yourselves himself herself itself themselves this that these those who whom whose which "
    "what whoever whomever whatever whichever anybody anyone anything everybody everyone everything nobody nothing "
    "somebody someone something each either neither both all some any none"
)
PRONOUNS = frozenset(_PRONOUNS_LISTED.split())

# English stop words as NLTK lists them, cut at apostrophes as the count of words is.
_STOP_WORDS_LISTED = (
    "i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers "
    "herself it its itself they them their theirs themselves what which who whom this that these those am is are "
    "was were be been being have has had having do does did doing a an the and but if or because as until while of "
    "at by for with about against between into through during before after above below to from up down in out on "
    "off over under again further then once here there when where why how all any both each few more most other "
    "some such no nor not only own same so than too very s t can will just don should now d ll m o re ve y ain aren "
    "couldn didn doesn hadn hasn haven isn ma mightn mustn needn shan shouldn wasn weren won wouldn"
)
STOP_WORDS = frozenset(_STOP_WORDS_LISTED.split())

_VERBS_LISTED = (
    "accept achieve act adapt add address adjust admire admit adopt advise agree aim allow analyze announce answer "
    "apologize appear apply appreciate approach argue arrange arrive ask assess assign assist assume attend avoid "
    "bake balance be beat become begin behave believe bend bet bind bite blend blow boil book borrow break breathe "
    "bring brush build burn buy calculate call care carry catch celebrate change charge chase check cheer choose "
    "chop clarify clean click climb close collect combine come commit communicate compare complete compose compute "
    "conduct confirm connect consider consult contact contain continue contribute convert cook copy count cover "
    "craft crawl create cross cry cut dance deal decide declare decorate define deliver demonstrate describe "
    "deserve design destroy determine develop dig dip discover discuss display dive divide do draft drag draw dream "
    "dress drink drive drop dry earn eat edit embrace employ empty enable encourage end engage enhance enjoy ensure "
    "enter establish estimate evaluate examine exercise exist expand expect experience experiment explain explore "
    "express extend face fail fall feed feel fetch fight file fill find finish fit fix float flow fly focus fold "
    "follow forget forgive form foster gather generate get give go grab greet grind grow guess guide handle hang "
    "happen hate have head hear heat help hide highlight hike hit hold hope hug hunt identify ignore illustrate "
    "imagine implement improve include increase indicate inform insert inspect install integrate introduce invest "
    "investigate invite involve jog join journey jump keep kick kill kneel knit knock know laugh launch lead lean "
    "learn leave lend let lie lift light like limit link list listen live load locate look lose love maintain make "
    "manage mark master match matter mean measure meet melt mention minimize mix monitor motivate move multiply "
    "name navigate need notice nurture observe obtain offer open operate optimize order organize outline overcome "
    "own pack paint participate pass pause pay perform pick picture place plan plant play please point ponder pour "
    "practice praise prepare present preserve press prevent print prioritize proceed process produce promise "
    "promote protect prove provide publish pull purchase pursue push put question raise reach react read realize "
    "recall receive recognize recommend reconsider record reduce refer reflect refuse regard relate relax release "
    "remain remember remind remove repeat replace reply report request require research respect respond rest "
    "restart return reveal review revisit ride ring rinse rise roam roll run sail save say scan schedule search "
    "season see seek seem select sell send separate serve set settle shake shape share shine shop shout show shut "
    "simmer simplify sing sit sketch sleep slice smell smile solve sort speak spend spin spread sprinkle stand "
    "start state stay step stick stir stop store strengthen stretch strive structure study submit succeed suggest "
    "sum summarize support suppose swim take talk taste teach tell tend test thank think throw tie toss touch track "
    "train transform translate travel treat trust try turn understand unleash unlock update upgrade use utilize "
    "validate value verify view visit visualize wait wake walk want warm wash watch wear weave weigh welcome whisk "
    "win wish wonder work worry wrap write yield"
)
_VERBS = frozenset(_VERBS_LISTED.split())
_IRREGULAR_LISTED = (
    "am is are was were been being has had does did done went gone came became began begun bent bit bitten blew "
    "blown broke broken brought built burnt bought caught chose chosen cut dealt dug drew drawn drank drunk drove "
    "driven ate eaten fell fallen fed felt fought found flew flown forgot forgotten forgave got gotten gave given "
    "grew grown heard held hid hidden hung kept knew known knelt led left lent lay lain lit lost made meant met "
    "paid put ran rang rode risen rose said sang sung sat saw seen sent set shook shaken shone showed shown shut "
    "slept sold sought spent spoke spoken spun stood stuck swam swum taken taught threw thrown told took torn tore "
    "thought understood woke woken won wore worn wove woven written wrote"
)
_IRREGULAR = frozenset(_IRREGULAR_LISTED.split())


def is_verb(word: str) -> bool:
    """Whether an English word is, or may be, a form of a verb that is listed."""
    word = word.lower()
    return word in _VERBS or word in _IRREGULAR or any(stem in _VERBS for stem in _stems(word))


def _stems(word: str) -> set[str]:
    """What the word would be without `-s`, `-ed` or `-ing`, spelled back."""
    stems: set[str] = set()
    for ending in ("s", "es", "ed", "ing"):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            stem = word.removesuffix(ending)
            stems |= {stem, stem + "e", stem[:-1] if stem[-1] == stem[-2] else stem}
            stems.add(stem[:-1] + "y" if stem.endswith("i") else stem)
    return stems
