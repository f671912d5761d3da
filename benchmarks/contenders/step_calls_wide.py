"""`step_calls`, but 25 questions side by side in beam search too, and 64 texts judged at a time."""

from collections.abc import Callable
from functools import partial

from contenders.step_calls import QUESTIONS
from contenders.step_calls import prepare as prepare_step_calls

prepare: Callable = partial(prepare_step_calls, questions=QUESTIONS, judged=64)
