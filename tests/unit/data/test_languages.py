"""The languages and scripts of a text, as shares of its words."""

import pytest

from thinkscale.data.languages import UNKNOWN, language_shares, mixing, script_shares

ENGLISH = "Okay, so we need to find the sum of all the integers. Wait, let me check that again."
CHINESE = "所以我们需要计算这个数。等等，让我再检查一下。"
RUSSIAN = "Итак, нам нужно найти сумму всех чисел. Давайте проверим это ещё раз."


@pytest.mark.parametrize(
    ("text", "language", "script"),
    [
        (ENGLISH, "en", "Latn"),
        (CHINESE, "zh", "Hani"),
        (RUSSIAN, "ru", "Cyrl"),
        ("Donc la réponse est la somme des entiers.", "fr", "Latn"),
        ("따라서 답은 이 수의 합이다.", "ko", "Hang"),
    ],
)
def test_a_text_in_one_language(text, language, script):
    assert language_shares(text) == {language: 1.0}
    assert script_shares(text) == {script: 1.0}
    assert mixing(language_shares(text)) == 0.0


def test_chinese_within_english_sentences_is_seen():
    # A detector asked for whole sentences calls all of this English.
    text = "Now we have the 结果 of this equation, so the final 答案 follows from it."
    shares = language_shares(text)
    # now we have the of this equation so the final follows from it: 13; 结 果 答 案: 4
    assert shares == pytest.approx({"en": 13 / 17, "zh": 4 / 17})
    assert mixing(shares) == pytest.approx(4 / 17)
    assert script_shares(text) == pytest.approx({"Latn": 13 / 17, "Hani": 4 / 17})


def test_mathematics_is_no_language():
    formulas = (
        r"$$\sum_{i=1}^n \text{wert} = \frac{n(n+1)}{2}$$ and \(x^2\) and $\alpha + \beta$ and"
        r"\begin{align} f &= mc \\ g &= ab \end{align} then 3x+5=y, n/2 and \sqrt{abc}."
    )
    only_words = "and and and then and."
    assert script_shares(formulas) == script_shares(only_words) == {"Latn": 1.0}
    assert language_shares(ENGLISH + formulas) == {"en": 1.0}
    for text in (r"\frac{1}{2} x^2 + y^2 = z^2", "@1 +6 =9", "x, y", "", "42"):
        assert language_shares(text) == {} == script_shares(text)
        assert mixing({}) == 0.0


def test_japanese_is_one_language_in_several_scripts():
    text = "だから答えは五です。それでは計算してみましょう。"
    assert language_shares(text) == {"ja": 1.0}
    assert set(script_shares(text)) == {"Hira", "Hani"}


def test_what_the_detector_is_not_sure_of_follows_its_surroundings():
    assert language_shares("Hmm") == {UNKNOWN: 1.0}
    # On its own this is found to be Spanish, with little confidence.
    assert language_shares(ENGLISH + " First, compute modulo.") == {"en": 1.0}
    assert language_shares(CHINESE + "OK so。")[UNKNOWN] == pytest.approx(2 / 22)


def test_numerals_of_another_script_are_words_and_digits_are_none():
    trace = "#0 =3\n#1 +6 =9\nSo 9 C\n"
    assert script_shares(trace) == {"Latn": 1.0}
    assert script_shares("#0 =三\n#1 +六 =九\nSo 九 C\n") == {"Hani": 0.8, "Latn": 0.2}
