"""The data sets of reasoning-gym by name, so that they are known without importing the library."""

from typing import Any

# All that the library registers, but `composite`, which only mixes others.
_NAMES = """
ab acre advanced_geometry aiw arc_1d arc_agi base_conversion basic_arithmetic bf binary_alternation binary_matrix
bitwise_arithmetic boxnet caesar_cipher calendar_arithmetic chain_sum circuit_logic codeio coin_flip
color_cube_rotation complex_arithmetic count_bits count_primes countdown course_schedule cryptarithm
decimal_arithmetic decimal_chain_sum dice emoji_mystery family_relationships figlet_font fraction_simplification
futoshiki game_of_life game_of_life_halting gcd graph_color group_anagrams gsm_symbolic intermediate_integration
isomorphic_strings jugs kakurasu knight_swap knights_knaves largest_island lcm leg_counting letter_counting
letter_jumble list_functions mahjong_puzzle manipulate_matrix maze mini_sudoku modulo_grid n_queens needle_haystack
number_filtering number_format number_sequence number_sorting palindrome_generation palindrome_partitioning
path_star polynomial_equations polynomial_multiplication pool_matrix power_function prime_factorization products
propositional_logic puzzle24 quantum_lock ransom_note rearc rectangle_count rotate_matrix rotten_oranges rubiks_cube
rush_hour self_reference sentence_reordering shortest_path simple_equations simple_geometry simple_integration
sokoban spell_backward spiral_matrix string_insertion string_manipulation string_splitting string_synthesis sudoku
survo syllogism time_intervals tower_of_hanoi tsumego word_ladder word_sequence_reversal word_sorting zebra_puzzles
"""
NAMES = tuple(_NAMES.split())

# Those whose scorers evaluate the answer: it reaches them only rewritten by `rewriting.py`.
LISTS_EVALUATED = frozenset({"binary_matrix", "n_queens", "spiral_matrix", "string_insertion"})
SUMS_EVALUATED = frozenset({"countdown", "puzzle24"})
FORMULAS_EVALUATED = frozenset({"intermediate_integration", "polynomial_multiplication", "simple_integration"})

# Below 1, these pay for a solution that is right and longer than it need be; elsewhere a share is paid for nothing
# that was asked: a form, some cells, an answer that stands somewhere in the text.
LONGER_SOLUTIONS = frozenset({"knight_swap", "tower_of_hanoi"})
LEAST_FOR_A_SOLUTION = 0.1  # floors are below it

# What a scorer has to know beside the entry: it looks words up only of the lengths that it was made with.
SCORER_CONFIGS: dict[str, dict[str, Any]] = {"word_ladder": {"min_word_length": 3, "max_word_length": 5}}

# Their entries hold tuples, which JSON makes lists, and compare with them.
WITH_TUPLES = frozenset({"arc_agi", "rearc"})


def as_made(name: str, metadata: dict[str, Any]) -> dict[str, Any]:
    """The metadata as the library made it, of what JSON left of it."""
    return {key: _tuples(value) for key, value in metadata.items()} if name in WITH_TUPLES else metadata


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
