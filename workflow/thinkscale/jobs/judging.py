"""A judge model's questions and verdicts: each response put to it as text to be judged.

What models wrote is put between two lines that nothing in it can repeat, and without the strings
that the judge's tokenizer reads as marks of a turn or of thinking: it cannot end its part or open
another turn. That the judge is not persuaded by what it reads, nothing can guarantee.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from thinkscale.config.judge import CLOSING, OPENING, TEMPLATE, WITH_REFERENCE
from thinkscale.data import contracts
from thinkscale.thinking.prompts import user_message

KEYS = list(contracts.KEYS["responses"])
_DELIMITER = re.compile(r"judged(?=[\W_]{0,8}answer)", re.IGNORECASE)


@dataclass(frozen=True)
class Questions:
    """What a judge is asked about responses.

    asked: by the contract of items, each different question once. of: for each response the id of
    its question, or None. why_not: for each response why there is none, or None.
    """

    asked: pd.DataFrame
    of: Sequence[str | None]
    why_not: Sequence[str | None]


def questions(
    responses: pd.DataFrame,
    items: pd.DataFrame,
    judge: Mapping[str, Any],
    prompts: Mapping[str, Mapping[str, Any]],
    forbidden: Iterable[str] = (),
) -> Questions:
    """Put responses (contract `responses`) to items into words for a judge.

    judge: its section of the configuration. prompts: the prompt settings of each model judged.
    forbidden: strings no answer may hold as they are (`reserved_strings`).
    """
    bank = {item["item_id"]: item for item in items.to_dict("records")}
    clean = breaker(forbidden)
    verdicts = " or ".join(f"`{judge['marker']} {word}`" for word in judge["verdicts"])
    asked: dict[str, str] = {}
    of, why_not = [], []
    columns = (responses[name] for name in ("model", "item_id", "answer_text", "error"))
    for model, item_id, answer, error in zip(*columns, strict=True):
        reason = None
        if isinstance(error, str):
            reason = error
        elif not answer.strip():
            reason = "the answer is empty"
        why_not.append(reason)
        if reason is not None:
            of.append(None)
            continue
        item = bank[item_id]
        reference = _reference(item)
        template = judge["template"] or (TEMPLATE if reference is None else WITH_REFERENCE)
        text = template.format(
            task=task_of(item, prompts[model]),
            stem=item["stem"],
            answer=between_lines(clean(answer.strip())),
            reference="(none)" if reference is None else reference,
            verdicts=verdicts,
        )
        # By content: what was asked once is found again, whatever else there is to ask.
        question = hashlib.sha256(f"{item_id}\n{text}".encode()).hexdigest()[:32]
        asked[question] = text
        of.append(question)
    frame = pd.DataFrame({"item_id": list(asked), "stem": list(asked.values())})
    return Questions(frame.assign(options=[[] for _ in asked]), of, why_not)


def verdicts(
    responses: pd.DataFrame,
    asked: Questions,
    said: pd.DataFrame,
    judge: str,
    prompt: Callable[[str], str],
) -> pd.DataFrame:
    """Give each response the judge's verdict on it; a frame by the contract `verdicts`.

    said: the judge's responses to the questions. judge: its name. prompt: all that it was given for
    a question.
    """
    rows = {row["item_id"]: row for row in said.to_dict("records")}
    given = {question: prompt(question) for question in rows}
    records = []
    for question, reason in zip(asked.of, asked.why_not, strict=True):
        if question is None:
            silent = {"prompt": None, "thinking": "", "verdict_text": ""}
            records.append({**silent, "stop": "none", "answer_stop": "none", "error": reason})
            continue
        row = rows[question]
        error = row["error"] if isinstance(row["error"], str) else None
        records.append(
            {
                "prompt": given[question],
                "thinking": row["think_text"],
                "verdict_text": row["answer_text"],
                "stop": row["stop"],
                "answer_stop": row["answer_stop"],
                "error": error and f"the judge could not be asked: {error}",
            }
        )
    columns = contracts.SCHEMAS["verdicts"].names[len(KEYS) + 1 :]
    keys = responses[KEYS].reset_index(drop=True).assign(judge=judge)
    return pd.concat([keys, pd.DataFrame(records, columns=columns)], axis=1)


def task_of(item: Mapping[str, Any], form: Mapping[str, Any]) -> str:
    """What a model was asked about an item, with its system message. form: its prompt settings."""
    message = user_message(item, form["template"], form["option"], form["separator"])
    return f"{form['system']}\n\n{message}" if form["system"] else message


def between_lines(text: str) -> str:
    """What is judged, between two lines that nothing in it repeats (`breaker`)."""
    return f"{OPENING}\n{text}\n{CLOSING}"


def breaker(forbidden: Iterable[str]) -> Callable[[str], str]:
    """Return the function that breaks up the delimiter's name and every forbidden string."""
    long_first = sorted({text for text in forbidden if len(text) > 1}, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, long_first)), re.IGNORECASE)

    def broken(text: str) -> str:
        text = _DELIMITER.sub(lambda found: found[0] + " /", text)
        # Breaking one string can leave another behind: "<</s>/s>" is two.
        while long_first and pattern.search(text):
            text = pattern.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)
        return text

    return broken


def reserved_strings(tokenizer, thinking: Mapping[str, Any]) -> set[str]:
    """Strings that are no text to a judge: its special tokens and its markers of thinking."""
    added = tokenizer.added_tokens_decoder.values()
    markers = [thinking["start"].strip(), *(end.strip() for end in thinking["end"])]
    # A marker in plain words ("Answer:") stands in answers by right and ends nothing in a prompt.
    marks = [marker for marker in markers if marker[:1] == "<" and marker[-1:] == ">"]
    return {token.content for token in added if token.special} | set(marks)


def own_judgement(record: Mapping[str, Any], judged: Iterable[Mapping[str, Any]]) -> str | None:
    """A warning where a judge has the weights of a model it judges, else None."""
    same = [r["name"] for r in judged if r["fingerprint"] == record["fingerprint"]]
    if not same:
        return None
    return (
        f"the judge {record['name']} has the weights of a model it judges ({', '.join(same)}): "
        "models tend to prefer what they wrote themselves (self-preference), so its verdicts on "
        "that model and on others cannot be compared"
    )


def _reference(item: Mapping[str, Any]) -> str | None:
    """The right answer in words, where there is one."""
    if isinstance(item["answer_text"], str):
        return item["answer_text"]
    said = {option["label"]: f"{option['label']}. {option['text']}" for option in item["options"]}
    right = contracts.key_labels(item["key"], said) if said else ()
    return "\n".join(said[label] for label in right) or None
