"""A data set of the Hugging Face hub as a stream of records.

The repository's files at one commit are downloaded once, into the hub's own cache, and read from
there: a rerun, or a machine without network, reads the very same rows. (The `datasets` library
itself would fall back on whatever revision it finds cached when the hub cannot be reached.)
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from thinkscale.data.hub import in_short, refusals
from thinkscale.errors import ThinkscaleError
from thinkscale.items.json_text import Record
from thinkscale.items.records import table_records

# What data sets are read from; weights, code and pictures of a repository are left where they are.
_DATA = (".parquet", ".jsonl", ".json", ".csv", ".tsv", ".arrow", ".txt", ".ndjson")
_PACKED = ("", ".gz", ".zst", ".bz2", ".xz", ".zip")
WANTED = (*(f"*{a}{b}" for a in _DATA for b in _PACKED), "README.md", ".huggingface.yaml")
_BATCH = 2048


@dataclass(frozen=True)
class HubSet:
    """One split of one subset of a data set, at one commit. config: None for the default subset."""

    repository: str
    revision: str
    config: str | None
    split: str
    offline: bool = False

    def __str__(self) -> str:
        inner = "/".join(filter(None, (self.config, self.split)))
        return f"{self.repository}@{self.revision[:12]} ({inner})"

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.repository.rpartition("/")[2]


def hub_records(
    repository: str, revision: str, config: str | None, split: str, offline: bool = False
) -> Iterator[Record]:
    """Yield (row, cells) for each row of the split, counted from 1, in constant memory.

    Files that are not cached are downloaded first. Raises ThinkscaleError if they cannot be had, or
    the data set has no such subset or split.
    """
    from huggingface_hub import snapshot_download

    place = HubSet(repository, revision, config, split)
    with refusals(str(place), repository, revision, kind="data set", offline=offline):
        directory = snapshot_download(
            repository,
            repo_type="dataset",
            revision=revision,
            allow_patterns=list(WANTED),
            local_files_only=offline,
        )
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    try:
        rows = load_dataset(directory, config, split=split, streaming=True)
        batches = rows.with_format("arrow").iter(batch_size=_BATCH)
        yield from table_records(batches)
    except (ValueError, FileNotFoundError, DatasetsError, pa.ArrowException) as error:
        raise ThinkscaleError(f"{place}: {in_short(error)}") from error
