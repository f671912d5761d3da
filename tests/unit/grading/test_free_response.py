"""Free response by kinds of answers: each was labelled before the graders read it.

A row is (reference, answer, what a careful reader says): "right", "wrong", "ungradable", or two of
these where either would do.
"""

import pytest

from thinkscale.grading import GRADERS, Facts
from thinkscale.grading.mathematics import MathSettings, equal_math

SAID = {"correct": "right", "incorrect": "wrong", "ungradable": "ungradable"}


def label_of(grader, reference, text, settings=None):
    return GRADERS[grader].judge(text, Facts("i", (), None, reference), settings)[0].label


def disagreements(grader, rows, settings=None):
    found = []
    for reference, text, meant in rows:
        extraction, outcome = GRADERS[grader].judge(text, Facts("i", (), None, reference), settings)
        if SAID[outcome] not in meant.split(" or "):
            found.append((reference, text, meant, outcome, extraction.detail))
    return found


NUMERIC = {
    "a number behind the stated one": [
        ("8", "Answer: 8 pens (from a box of 20)", "right"),
        ("20", "Answer: 8 pens (from a box of 20)", "wrong"),
        ("60", "The final answer is 60 mph for 3 hours.", "right"),
        ("9", "<answer>9 (option 3)</answer>", "right"),
        ("9", "\\boxed{9 \\text{ of } 12}", "right"),
        ("12", "\\boxed{9 \\text{ of } 12}", "wrong"),
        ("26", "Answer: 26 rather than 25", "right"),
        ("40", "Answer: She needs 40 eggs for 4 cakes", "right"),
        ("12", "Answer: 12 ± 0.5 cm", "right"),
        ("12", "Answer: $12 \\pm 2$", "right"),
        ("13", "Answer: 13 in base 10", "right"),
        ("7", "Answer: \\boxed{7}, not \\boxed{8}", "right"),
        ("5", "She gave away 5 of the 12 apples.", "right"),
        ("5", "So the answer must be 5 (not 7 as it seemed).", "right"),
    ],
    "equations": [
        ("7", "Answer: 3 + 4 = 7", "right"),
        ("7", "Answer: 7 = 3 + 4", "right"),
        ("7", "Answer: 7, since 3 + 4 = 7", "right"),
        ("7", "Answer: 2x = 14, so x = 7", "right"),
        ("1024", "Answer: 2^{10} = 1024", "right"),
        ("18", "So 3 boxes of 6 make 18.", "right"),
    ],
    "alternatives": [
        ("4", "Answer: 4 or 5", "ungradable"),
        ("4", "Answer: 4-6", "ungradable"),
        ("5", "Answer: between 4 and 6", "ungradable"),
        ("4", "Answer: x = 4 or x = 5", "ungradable"),
        ("5", "\\boxed{4, 5}", "ungradable"),
        ("3", "\\boxed{3} and \\boxed{4}", "ungradable"),
        ("4 or 5", "Answer: 5 or 4", "right"),
        ("4 or 5", "Answer: 4 and 6", "wrong"),
        ("2-4", "Answer: 2 to 4", "right"),
        ("2-4", "Answer: 2", "ungradable"),
    ],
    "no number of its own": [
        ("1.4142", "Answer: √2", "ungradable"),
        ("12.566", "Answer: 4π", "ungradable"),
        ("5", "Answer: > 5", "ungradable"),
        ("5", "Answer: ±5", "ungradable"),
        ("3", "Answer: not 3", "ungradable"),
        ("72", "I am not sure which one.", "ungradable"),
        ("1", "No one can say.", "ungradable"),
    ],
    "fractions": [
        ("0.75", "Answer: ¾", "right"),
        ("5.25", "Answer: 5¼ miles", "right"),
        ("5.25", "Answer: 5 1/4", "right"),
        ("5.25", "Answer: 5-1/4", "right"),
        ("5.25", "Answer: 5 and 1/4", "right"),
        ("-1.5", "Answer: -1½", "right"),
        ("3.5", "Answer: 3 and a half", "right"),
        ("2.5", "\\boxed{2\\frac{1}{2}}", "right"),
    ],
    "thousands": [
        ("2500000", "Answer: 25,00,000", "right"),
        ("2500000", "Answer: 2'500'000", "right"),
        ("2500000", "Answer: 2’500’000", "right"),
        ("2500000", "Answer: 2_500_000", "right"),
        ("2500000", "Answer: 2\\,500\\,000", "right"),
        ("2500000", "\\boxed{2,\\!500,\\!000}", "right"),
        ("2{,}500{,}000", "2500000", "right"),
        ("500", "\\boxed{2,\\!500}", "wrong"),
        ("2500000", "Answer: 2\u2009500\u2009000", "right"),
        ("2500000", "Answer: 2\u202f500\u202f000", "right"),
        ("2500000", "Answer: 2~500~000", "right"),
        ("2500000", "Answer: 2.500.000", "right"),
        ("2500000.5", "Answer: 2.500.000,5", "right"),
        ("2500000", "Answer: 250万", "right or ungradable"),
    ],
    "factors": [
        ("35000", "Answer: 35k", "right"),
        ("35", "Answer: 35k", "wrong"),
        ("35000", "Answer: $35K", "right"),
        ("2400000", "Answer: 2.4 M", "right"),
        ("2400000", "Answer: $2.4M", "right"),
        ("3e9", "Answer: $3B", "right"),
        ("3e9", "Answer: 3 bn", "right"),
        ("300000", "Answer: 3 lakh", "right"),
        ("24", "Answer: 2 dozen", "right"),
        ("12", "Answer: a dozen", "right"),
        ("300", "Answer: 300 K", "right"),  # kelvin
        ("0.5", "Answer: 0.5 M NaCl", "right"),
    ],
    "number words": [
        ("42", "Answer: forty-two", "right"),
        ("42", "Forty-two.", "right"),
        ("3", "Answer: three (of 9)", "right"),
        ("1", "Answer: one", "right"),
        ("105", "Answer: one hundred and five apples", "right"),
        ("7", "There are seven.", "right"),
        ("seven", "\\boxed{7}", "right"),
        ("0.5", "Answer: one half", "right or ungradable"),
        ("60", "Two trains travel 60 km", "right"),
    ],
    "currencies and signs": [
        ("5", "€5", "right"),
        ("5", "Answer: 5€", "right"),
        ("5", "Answer: USD5", "right"),
        ("1250", "Answer: Rs. 1,250", "right"),
        ("1250", "Answer: INR1250", "right"),
        ("5", "Answer: US$5", "right"),
        ("-4", "Answer: minus 4", "right"),
        ("-4", "Answer: negative four", "right or ungradable"),
        ("4", "Answer: -(-4)", "right or ungradable"),
        ("4", "Answer: −4", "wrong"),
    ],
    "tiny numbers": [
        ("6.63e-34", "Answer: 0", "wrong"),
        ("6.63e-34", "Answer: 1.05e-34", "wrong"),
        ("6.63e-34", "Answer: 6.63 × 10⁻³⁴ J s", "right"),
        ("4e-10", "Answer: -4e-10", "wrong"),
        ("0", "Answer: 0.0", "right"),
    ],
}

PMATRIX = "\\begin{pmatrix} 4 \\\\ 5 \\\\ 6 \\end{pmatrix}"
CASES = "\\begin{cases} x & x>0 \\\\ -x & x\\le 0\\end{cases}"
MATH = {
    "matrices, vectors and cases": [
        (PMATRIX, "\\boxed{6}", "wrong"),
        (PMATRIX, "\\boxed{\\begin{bmatrix} 4 \\\\ 5 \\\\ 6 \\end{bmatrix}}", "right"),
        (PMATRIX, "Answer: $\\begin{pmatrix} 4 \\\\ 6 \\\\ 5 \\end{pmatrix}$", "wrong"),
        (PMATRIX, "\\boxed{(4, 5, 6)}", "right"),
        (PMATRIX, "\\boxed{(4, 6, 5)}", "wrong"),
        ("\\begin{pmatrix} 7 & 8 \\end{pmatrix}", "\\boxed{8}", "wrong"),
        ("(1, 2, 3)", "\\boxed{(9, 9, 3)}", "wrong"),
        ("(1, 2, 3)", "Answer: (1,2,3)", "right"),
        ("\\langle 1, 2 \\rangle", "\\boxed{\\langle 2, 1 \\rangle}", "wrong"),
        ("\\langle 1, 2 \\rangle", "\\boxed{\\langle 1, 2 \\rangle}", "right"),
        (CASES, "\\boxed{0}", "wrong"),
        (CASES, "\\boxed{" + CASES.replace("& x", "& \\text{if } x") + "}", "right"),
        (CASES, "\\boxed{" + CASES.replace("-x", "2x") + "}", "wrong"),
        ("\\begin{cases} x=1 \\\\ y=2\\end{cases}", "Answer: $x=1, y=2$", "right"),
    ],
    "products of letters": [
        ("2xyz", "\\boxed{2zyx}", "right"),
        ("2xyz", "\\boxed{2}", "wrong"),
        ("2xyz", "Answer: 2xy", "wrong"),
        ("\\frac{mnp}{3}", "\\boxed{\\frac{1}{3}mnp}", "right"),
        ("\\frac{mnp}{3}", "\\boxed{3}", "wrong"),
        ("pqr + 4", "Answer: 4 + pqr", "right"),
        ("pqr + 4", "Answer: 4", "wrong"),
        ("2t", "Answer: 2", "wrong"),
        ("3ab", "Answer: 3", "wrong"),
        ("2", "Answer: 2x", "wrong"),
        ("abcd", "\\boxed{bacd}", "right"),
        ("PV = nRT", "Answer: PV = nRT", "right"),
    ],
    "references with words": [
        ("width 4, height 9", "\\boxed{9}", "wrong"),
        ("4 cats and 9 dogs", "\\boxed{9}", "wrong"),
        ("4 cats and 9 dogs", "\\boxed{4 \\text{ cats and } 9 \\text{ dogs}}", "right"),
        ("1 hour 45 minutes", "Answer: 45", "wrong"),
        ("1 hour 45 minutes", "Answer: 1 hour 45 minutes", "right"),
    ],
    "words": [
        ("\\text{north}", "Answer: north", "right"),
        ("\\text{north}", "Answer: South", "wrong"),
        ("no solution", "\\boxed{\\text{No solution}}", "right"),
        ("no solution", "Answer: 5", "wrong"),
        ("5", "Answer: no solution", "wrong or ungradable"),
        ("\\text{parabola}", "Answer: a parabola", "right"),
        ("\\text{Tom}", "The tallest of them is Tom.", "right or ungradable"),
        ("\\text{May 5}", "\\boxed{May\\ 5}", "right"),
        ("\\text{A, D}", "\\boxed{D, A}", "right"),
        ("\\text{B}", "\\boxed{\\textbf{(C)}}", "wrong"),
        ("\\text{odd}", "Answer: even", "wrong"),
        ("\\text{Alice}", "Answer: It is Alice.", "right or ungradable"),
        ("42", "Answer: forty-two", "right"),
        ("7", "Answer: not 7", "wrong or ungradable"),
        ("7", "Answer: three fifths", "wrong or ungradable"),
    ],
    "plain text": [
        ("\\frac{\\pi}{3}", "Answer: pi/3", "right"),
        ("3\\pi", "Answer: 3*pi", "right"),
        ("3\\pi", "Answer: 3", "wrong"),
        ("5\\sqrt{3}", "Answer: 5√3", "right"),
        ("5\\sqrt{3}", "Answer: 5*sqrt(3)", "right"),
        ("\\frac{\\sqrt{5}}{2}", "Answer: √5/2", "right"),
        ("y^3-2", "Answer: y**3 - 2", "right"),
        ("y^3-2", "Answer: y³ − 2", "right"),
        ("\\ln 5", "Answer: ln(5)", "right"),
        ("\\cos x", "Answer: sin(x)", "wrong"),
        ("\\frac{4}{3}\\pi r^3", "Answer: 4/3 π r^3", "right"),
        ("\\frac{7}{4}", "Answer: 1¾", "right"),
        ("1 3/4", "\\boxed{1.75}", "right"),
        ("5\\times 10^6", "Answer: 5e6", "right"),
        ("(-\\infty, 7]", "Answer: (-∞, 7]", "right"),
        ("e^{-x}", "Answer: exp(-x)", "right"),
        ("\\operatorname{arctan}(3)", "\\boxed{\\arctan 3}", "right"),
        ("\\operatorname{arctan}(3)", "\\boxed{3}", "wrong"),
        ("\\frac{1}{6}", "\\boxed{0.1\\overline{6}}", "right"),
        ("10080", "\\boxed{10,\\!080}", "right"),
        ("10080", "Answer: 10 080", "right"),
    ],
    "several answers": [
        ("17, 23", "Answer: 23 and 17", "right"),
        ("17, 23", "\\boxed{17} or \\boxed{23}", "right"),
        ("17, 23", "Answer: $x = 17$ and $x = 23$", "right"),
        ("17, 23", "Answer: 23", "wrong"),
        ("17 and 23", "\\boxed{23}", "wrong"),
        ("17 and 23", "\\boxed{\\{17, 23\\}}", "right"),
        ("23", "Answer: 17 and 23", "wrong or ungradable"),
        ("-2, 2", "\\boxed{\\pm 2}", "right"),
        ("(1,2), (3,4)", "\\boxed{(3,4), (1,2)}", "right"),
        ("x=3, y=4", "Answer: x = 4, x = 3", "wrong"),
    ],
    "intervals and inequalities": [
        ("[1,4)", "\\boxed{1 \\le x < 4}", "right"),
        ("[1,4)", "\\boxed{1 < x < 4}", "wrong"),
        ("1 \\le x < 4", "Answer: [1, 4)", "right"),
        ("(-\\infty,-1)\\cup(1,\\infty)", "Answer: x < -1 or x > 1", "right"),
        ("x < -1 \\text{ or } x > 1", "\\boxed{(-\\infty,-1)\\cup(1,\\infty)}", "right"),
        ("x > 5", "Answer: 5 < x", "right"),
        ("x > 5", "Answer: x >= 5", "wrong"),
        ("x \\in [0,1]", "\\boxed{0 \\le x \\le 1}", "right"),
        ("2 \\le x \\le 5", "\\boxed{x \\ge 2 \\text{ and } x \\le 5}", "right"),
        ("x>3", "Answer: y>3", "wrong"),
    ],
    "near numbers": [
        ("6.63e-34", "Answer: 1.05e-34", "wrong"),
        ("2.5\\times 10^{-20}", "\\boxed{2.5\\times 10^{-20}}", "right"),
        ("\\frac{1}{990!}", "\\boxed{\\frac{1}{991!}}", "wrong"),
        ("\\frac{1}{2^{60}}", "\\boxed{2^{-61}}", "wrong"),
        ("\\sqrt{2}\\times 10^{-20}", "\\boxed{\\sqrt{3}\\times 10^{-20}}", "wrong"),
        ("\\sqrt{2}\\times 10^{-20}", "\\boxed{10^{-20}\\sqrt{2}}", "right"),
        ("0", "Answer: 1e-15", "wrong"),
        ("\\frac{2}{3}", "Answer: 0.666667", "wrong"),
        ("e", "Answer: 2.718281828", "wrong"),
        ("0.5", "\\boxed{\\frac12}", "right"),
    ],
    "units and prose": [
        ("7", "\\boxed{7\\,\\text{m}^2}", "right"),
        ("9.8", "Answer: 9.8 m/s^2", "right"),
        ("60", "Answer: 60 km/h", "right"),
        ("7 cm", "Answer: 7", "right"),
        ("7 cm", "Answer: 7 m", "wrong or ungradable"),
        ("7 cm", "Answer: 8 cm", "wrong"),
        ("7", "So we get 7", "right"),
        ("7", "Answer: $x = 7$ because $x - 7 = 0$", "right"),
        ("7", "Answer: x is 7", "right"),
        ("42", "\\boxed{n = 42 \\text{ for all } k \\ge 3}", "right"),
        ("25", "Answer: 25 N·m", "right or ungradable"),
        ("1/8", "Answer: .125", "right"),
        ("90^\\circ", "Answer: 90 degrees", "right"),
    ],
}


@pytest.mark.parametrize("kind", NUMERIC)
def test_numbers_are_read_as_a_person_reads_them(kind):
    assert disagreements("numeric", NUMERIC[kind]) == []


@pytest.mark.parametrize("kind", MATH)
def test_mathematics_is_read_as_a_person_reads_it(kind):
    assert disagreements("math", MATH[kind]) == []


def test_sets_may_be_compared_loosely():
    rows = [
        ("(2, 1)", "Answer: {1, 2}"),
        ("(1, 2, 3)", "Answer: 3, 2, 1"),
    ]
    strict, loose = MathSettings(), MathSettings(sets="loose")
    assert disagreements("math", [(*row, "wrong") for row in rows], strict) == []
    assert disagreements("math", [(*row, "right") for row in rows], loose) == []
    too_few = [("1, 2, 3", "Answer: 1, 2", "wrong"), ("[1, 2]", "Answer: (1, 2)", "wrong")]
    assert disagreements("math", too_few, loose) == []


def test_an_absolute_tolerance_is_for_who_asks_for_it():
    settings = GRADERS["numeric"].settings(absolute_tolerance=0.5)
    rows = [("0.2", "Answer: 0", "right"), ("10", "Answer: 10.4", "right")]
    assert disagreements("numeric", rows, settings) == []


@pytest.mark.parametrize(
    ("reference", "first", "second", "same"),
    [
        ("9", "\\boxed{2500}", "Answer: n = 2,500", True),
        ("9", "Answer: n = 2,500", "\\boxed{2500}", True),
        ("9", "\\boxed{x^2+1}", "Answer: 1 + x**2", True),
        ("9", "\\boxed{\\frac{1}{\\sqrt{5}}}", "Answer: √5/5", True),
        ("9", "\\boxed{[1,2)}", "\\boxed{1 \\le x < 2}", True),
        ("9", "\\boxed{2500}", "\\boxed{2501}", False),
        ("north", "Answer: South", "\\boxed{\\text{south}}", True),
        ("north", "Answer: South", "Answer: 7", False),
    ],
)
def test_answers_that_are_equal_are_one(reference, first, second, same):
    labels = [label_of("math", reference, text) for text in (first, second)]
    assert equal_math(*labels, MathSettings()) is same


def test_a_number_has_one_label():
    texts = ["Answer: 2,500", "\\boxed{2500.0}", "Answer: 2.5k", "2.5 × 10³", "Answer: 5000/2"]
    assert {label_of("numeric", "9", text) for text in texts} == {"2500"}
    near = ["Answer: 12345678901234567", "Answer: 12345678901234568"]
    assert len({label_of("numeric", "9", text) for text in near}) == 2
