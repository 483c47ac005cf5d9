"""Which operators belong to recurrent layers, on graphs of a few operators."""

from convertkit.graphs.heads import Step
from convertkit.graphs.recurrence import recurrent_steps

CONSTANTS = {"kernel", "w", "r", "head", "other", "last"}
IMAGE = Step("CONV_2D", ("image", "kernel"), ("seen",))
ROWS = Step("RESHAPE", ("seen",), ("rows",))
PROJECTED = Step("FULLY_CONNECTED", ("rows", "w"), ("projected",))
FIRST = Step("STRIDED_SLICE", ("projected",), ("x0",))
HEAD = Step("FULLY_CONNECTED", ("state", "head"), ("score",))
ODDS = Step("LOGISTIC", ("score",), ("odds",))


def kinds(*steps):
    """Kinds of the operators that belong to recurrent layers."""
    return [steps[number].kind for number in sorted(recurrent_steps(steps, CONSTANTS))]


def step_of_rnn(number):
    """An unrolled step: from state `h<n>` and row `x<n>` to the next state."""
    return (
        Step("FULLY_CONNECTED", (f"h{number}", "r"), (f"p{number}",)),
        Step("STRIDED_SLICE", ("projected",), (f"x{number}",)),
        Step("ADD", (f"p{number}", f"x{number}"), (f"s{number}",)),
        Step("TANH", (f"s{number}",), (f"h{number + 1}",)),
    )


def test_a_loop_with_the_products_on_both_sides():
    loop = Step("WHILE", ("projected",), ("state",))
    assert kinds(IMAGE, ROWS, PROJECTED, loop, HEAD, ODDS) == ["FULLY_CONNECTED", "WHILE", "FULLY_CONNECTED"]


def test_what_lies_between_a_loop_and_the_next_weights():
    loop, turned = Step("WHILE", ("projected",), ("all",)), Step("TRANSPOSE", ("all",), ("state",))
    convolved = Step("CONV_2D", ("state", "kernel"), ("out",))
    assert kinds(IMAGE, ROWS, PROJECTED, loop, turned, convolved) == ["FULLY_CONNECTED", "WHILE", "TRANSPOSE"]


def test_the_size_of_a_value_is_not_the_value():
    size = Step("SHAPE", ("rows",), ("size",))
    zeros = Step("FILL", ("size",), ("zeros",))
    loop = Step("WHILE", ("projected", "zeros"), ("state",))
    found = kinds(IMAGE, ROWS, size, zeros, PROJECTED, loop, HEAD)
    assert found == ["SHAPE", "FILL", "FULLY_CONNECTED", "WHILE", "FULLY_CONNECTED"]


def test_unrolled_steps_from_the_first_row_to_the_last_state():
    begin = Step("TANH", ("x0",), ("h1",))
    last = Step("FULLY_CONNECTED", ("h4", "head"), ("score",))
    steps = (IMAGE, ROWS, PROJECTED, FIRST, begin, *step_of_rnn(1), *step_of_rnn(2), *step_of_rnn(3))
    found = recurrent_steps([*steps, last, ODDS], CONSTANTS)
    assert found == set(range(2, len(steps) + 1))  # all but the convolution, its reshape, and the odds


def test_one_step_alone_is_no_recurrence():
    assert kinds(PROJECTED, FIRST, *step_of_rnn(1), Step("FULLY_CONNECTED", ("h2", "head"), ("y",))) == []


def test_weights_that_two_branches_share_are_no_recurrence():
    twins = [Step("FULLY_CONNECTED", (side, "w"), (f"{side} code",)) for side in ("left", "right")]
    together = Step("SUB", ("left code", "right code"), ("apart",))
    assert kinds(*twins, together, Step("FULLY_CONNECTED", ("apart", "head"), ("y",))) == []


def test_layers_of_weights_of_their_own_are_no_recurrence():
    layers = (
        Step("FULLY_CONNECTED", ("x", "w"), ("a",)),
        Step("RELU", ("a",), ("b",)),
        Step("FULLY_CONNECTED", ("b", "other"), ("c",)),
        Step("FULLY_CONNECTED", ("c", "last"), ("d",)),
    )
    assert kinds(*layers) == []
