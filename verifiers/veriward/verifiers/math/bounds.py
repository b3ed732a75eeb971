"""How much mathematics one answer may hold: every bound of the `math` verifier, and the two ways an answer may fail it.

The sizes follow inspect_ai's. The bounds on precision and work are ours: they are what keeps the dearest answer that
passes all the others below two CPU seconds.
"""

MAX_CANDIDATE_CHARS = 4_096
MAX_ALTERNATIVES = 64
MAX_NESTING = 64
MAX_COMMANDS = 256
MAX_OPERATORS = 1_024
MAX_DIGIT_RUN = 256
MAX_DIGITS = 2_048
MAX_MATRIX_CELLS = 256
MAX_NODES = 512
MAX_DEPTH = 64  # of the tree; `MAX_NESTING` is of the brackets
MAX_ARGUMENTS = 128
MAX_SYMBOLS = 64
MAX_INTEGER_BITS = 4_096  # of exact values; larger ones are compared by evaluation, up to MAX_PRECISION_BITS
MAX_FACTORIAL = 10_000
MAX_EXPONENT = 10_000
MAX_PRECISION_BITS = 32_768  # of a value, and so of the precision that tells two values apart
MAX_WORK = 800_000  # per response, in microseconds of a slow core, counted and not timed; see `evaluate.Budget`

# Of what is given to sympy's solvers. What they take on is what has roots in closed form that are short.
MAX_ALGEBRA_NODES = 96
MAX_ALGEBRA_DIGITS = 6
MAX_ALGEBRA_DEGREE = 8
MAX_ALGEBRA_SYMBOLS = 3
MAX_SOLVED_DEGREE = 2  # of a factor, of what stands beside | | or a root, and of a system: the number of its solutions
MAX_ABSOLUTE_VALUES = 3  # each doubles the cases
MAX_LISTED_INTEGERS = 128
# Of what is given to math-verify's parser, which is slow with brackets and evaluates as it reads.
MAX_SECOND_CHARS = 128
MAX_SECOND_NESTING = 6
MAX_SECOND_CELLS = 12  # beyond the first of each row: four rows of four
MAX_SECOND_DIGITS = 9
MAX_SECOND_POWER = 4_096  # the product of all exponents


class TooLarge(Exception):
    """The answer is more than the bounds allow."""


class NotUnderstood(Exception):
    """The answer is not notation that we read."""
