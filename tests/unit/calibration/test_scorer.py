"""The scorer of stated quality: right lines by hand, and quality as stated."""

import random
from statistics import NormalDist

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from thinkscale.calibration.bank import Problem, SlipLaw, draw_options, draw_problem
from thinkscale.calibration.scorer import right_so_far, score
from thinkscale.calibration.traces import draw_pass

PROBLEM = Problem(3, (("+", 6), ("-", 5)))  # 3, 9, 4


@pytest.mark.parametrize(
    ("thought", "right"),
    [
        ("", True),
        ("#0 =3\n#1 +6", True),  # nothing reached yet but the start
        ("#0 =3\n#1 +6 =9\n", True),
        ("#0 =3\n#1 +6 =8\n", False),
        ("#0 =3\n#1 +6 =8\n#2 -5 =3\n", False),
        ("#0 =3\n#1 +6 =9\n#2 -5 =4\nSo 4 B\n", True),
        ("#0 =3\n#1 +6 =9\n#2 -5 =4\nSo 5 B\n", False),
        ("#0 =3\n#1 +6 =8\n#2 -5 =3\nSo 3 C\nWait\n@0 =3\n", True),  # a second pass begins well
        ("#0 =3\n#1 +6 =9\n#2 -5 =4\n#3 +1 =5\n", False),  # there is no third step
    ],
)
def test_lines_by_hand(thought, right):
    assert right_so_far(PROBLEM, thought) == right


def test_quality_is_as_stated_and_noise_a_function_of_content():
    rng = random.Random(0)
    law = SlipLaw(easy=0.3, carry=0.3)
    truth, scores = [], []
    for _ in range(4000):
        problem = draw_problem(rng, 4, for_bank=True)
        tokens, _ = draw_pass(rng, problem, draw_options(rng, problem), law, 0)
        text = "".join(tokens[: rng.randrange(3, len(tokens))])
        ids = [ord(c) for c in text]
        decode = lambda ids: "".join(map(chr, ids))  # noqa: E731
        truth.append(right_so_far(problem, text))
        scores.append(score(problem, ids, decode, d_prime=2.0, seed=1))
        assert scores[-1] == score(problem, tuple(ids), decode, d_prime=2.0, seed=1)
        assert scores[-1] != score(problem, ids, decode, d_prime=2.0, seed=2)
    expected = NormalDist().cdf(2.0 / np.sqrt(2))  # .921
    assert roc_auc_score(truth, scores) == pytest.approx(expected, abs=0.015)


def test_without_quality_a_score_says_nothing():
    assert score(PROBLEM, [1], lambda ids: "#0 =9", d_prime=0.0, seed=0) == 0.5
