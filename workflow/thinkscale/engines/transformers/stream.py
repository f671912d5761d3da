"""Answer many requests in one stream: rows come and go, thoughts and answers run side by side.

Each forward pass runs what every leaf has next: one token where it is thinking or answering, its
prompt or a forced end where it begins. A row that is released makes room for the next one at once.
"""

import time
import warnings
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from transformers import PreTrainedModel

from thinkscale.engines.base import Completion, Request, Usage, split_at_end
from thinkscale.engines.transformers import memory
from thinkscale.engines.transformers.attention import tree_for
from thinkscale.engines.transformers.cpu.lanes import LANES
from thinkscale.engines.transformers.packing import Packed, pack
from thinkscale.engines.transformers.reading import Reading, read
from thinkscale.engines.transformers.rows import Leaf, Row, compact, copy_prompts, plant
from thinkscale.engines.transformers.sampling import Sampling, draw
from thinkscale.errors import ThinkscaleError

_PASS_TOKENS = 2048  # longer prompts are run in several passes, while others go on answering
_MEASURE_SECONDS = 1.0  # asking the system for its free memory costs more than a small pass
_COLUMNS = 128  # columns that grow are made in multiples of this
_ROOMY = 3  # times the columns needed: as many may be made at once


@dataclass(frozen=True)
class Settings:
    """What a stream samples by.

    vocabulary: ids at or beyond it are never sampled. batch_size: rows side by side, at most.
    memory: bytes for keys and values; None takes what is free, less a margin.
    """

    sampling: Sampling
    eos: frozenset[int]
    vocabulary: int
    batch_size: int
    memory: int | None = None


class Stream:
    """The state of sampling: rows in their slots, requests that wait. See `Engine`."""

    name = "transformers"
    exact_tokens = True

    def __init__(self, model: PreTrainedModel, settings: Settings) -> None:
        self.model, self.settings = model, settings
        # Weights that are brought in as they are needed lie nowhere ("meta") between times.
        places = (parameter.device for parameter in model.parameters())
        self.device = next((place for place in places if place.type != "meta"), model.device)
        self.tree = tree_for(self.model, self.device)
        self.waiting: OrderedDict[bytes, list[Leaf]] = OrderedDict()
        self.rows: dict[bytes, Row] = {}
        self.most_rows = settings.batch_size
        self.passes = self.fed = self.sampled = 0
        self.seconds = 0.0
        self._ended: list[tuple[Hashable, Completion]] = []
        self._available, self._measured = 0, -_MEASURE_SECONDS  # bytes, when
        self._unpaid = 0.0  # seconds of passes that drew nothing
        self._token_bytes = memory.bytes_per_token(model)

    def submit(self, ticket: Hashable, request: Request) -> None:
        prompt = request.prompt
        if request.read:
            reading = Reading(request)
            nodes = reading.following
            leaves = [Leaf(ticket, request, [*prompt, *node], reading=reading) for node in nodes]
        elif request.max_new > 0:
            ends = self.settings.eos.union(stop[-1] for stop in request.stops if stop)
            leaves = [Leaf(ticket, request, [*prompt], ends)]
        else:
            self._ended.append((ticket, Completion((), (), "length")))
            return
        row = self.rows.get(request.noise)
        (row.arrived if row else self.waiting.setdefault(request.noise, [])).extend(leaves)

    @torch.inference_mode()
    def step(self) -> list[tuple[Hashable, Completion]]:
        began = time.perf_counter()
        ended, self._ended = self._ended, []
        if self.waiting or any(row.leaves or row.arrived for row in self.rows.values()):
            try:
                ended += self._pass(began)
            except RuntimeError as error:
                if not memory.is_out_of_memory(error):
                    raise
                self._shrink(error)
        self.seconds += time.perf_counter() - began
        return ended

    @torch.inference_mode()
    def release(self, noise: bytes) -> None:
        self.waiting.pop(noise, None)
        if row := self.rows.pop(noise, None):
            row.vacated(self.tree)

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Copy a model's weights in, in place, under the names that it has for them.

        What was computed with the weights before is forgotten. Raises ValueError where a request is
        still under way, and RuntimeError where a weight is missing or has another shape.
        """
        busy = any(row.leaves or row.arrived for row in self.rows.values())
        if busy or self.waiting or self._ended:
            raise ValueError("weights were to change while requests are under way")
        for noise in [*self.rows]:
            self.release(noise)
        self.model.load_state_dict(state)

    def usage(self) -> Usage:
        peak = memory.peak(self.device)
        return Usage(self.passes, self.fed, self.sampled, self.seconds, peak)

    def _pass(self, began: float) -> list[tuple[Hashable, Completion]]:
        self._admit()
        copies = plant([*self.rows.values()])
        self._make_room()
        # Rows are put off from the last: where one stays, so does the one it copies from.
        if copies:
            held = {id(row) for row in self.rows.values()}
            copy_prompts([pair for pair in copies if id(pair[1]) in held], self.tree)
        packed = pack(self.rows.values(), self.tree, _PASS_TOKENS)
        logits, ready = self._run(packed), packed.ready  # (leaves that are ready, V)
        ended = []
        if any(leaf.reading for _, leaf in ready):
            probes = [n for n, (_, leaf) in enumerate(ready) if leaf.reading]
            others = [n for n, (_, leaf) in enumerate(ready) if not leaf.reading]
            ended = self._read([ready[n] for n in probes], logits[probes])
            logits, ready = logits[others], [ready[n] for n in others]
        if not ready:
            self._unpaid += time.perf_counter() - began
            return ended
        sampling = self.settings.sampling
        noise = [leaf.uniform() for _, leaf in ready] if sampling.temperature else []
        drawn = draw(
            logits,
            torch.tensor(noise, dtype=torch.float64, device=logits.device),
            sampling,
            self.settings.vocabulary,
        ).tolist()
        for index, (_, leaf) in enumerate(ready):
            if leaf.request.greedy:
                drawn[index] = int(logits[index, : self.settings.vocabulary].argmax())
        seconds = (self._unpaid + time.perf_counter() - began) / len(drawn)
        self._unpaid = 0.0
        self.sampled += len(drawn)
        for (row, leaf), token in zip(ready, drawn, strict=True):
            if leaf.take(token, seconds) and (completion := self._completion(leaf)):
                row.end(leaf, self.tree)
                ended.append((leaf.ticket, completion))
            else:
                row.extend(leaf)
        return ended

    def _run(self, packed: Packed) -> torch.Tensor:
        """Run the packed tokens and return logits (ready, V) of those whose next is to be drawn."""
        logits = self.model(
            input_ids=packed.ids,
            position_ids=packed.where.depths.unsqueeze(0),
            use_cache=False,
            logits_to_keep=packed.keep,
            tree=self.tree,
            where=packed.where,
        ).logits[0]
        for row, leaf, count in packed.taken:
            leaf.run += count
            if (last := leaf.columns[leaf.run - 1]) >= row.filled:
                row.filled = last + 1
        # At once, as a row that waited for a prompt may lose it with the row that ran it.
        copy_prompts(plant([*self.rows.values()]), self.tree)
        self.passes += 1
        self.fed += packed.ids.shape[1]
        return logits

    def _read(
        self, probes: Sequence[tuple[Row, Leaf]], logits: torch.Tensor
    ) -> list[tuple[Hashable, Completion]]:
        """Read logits (probes, V), and return the requests of which that was the last."""
        read(logits, [(leaf.reading, leaf.node) for _, leaf in probes], self.settings.vocabulary)
        for row, leaf in probes:
            row.end(leaf, self.tree)
        done = {id(leaf.reading): (leaf.ticket, leaf.reading.completion) for _, leaf in probes}
        return [(ticket, completion) for ticket, completion in done.values() if completion]

    def _completion(self, leaf: Leaf) -> Completion | None:
        """What a leaf has come to, if it has ended."""
        request = leaf.request
        done = split_at_end(leaf.sampled, request.stops, self.settings.eos)
        if done is None and len(leaf.sampled) == request.max_new:
            done = Completion(tuple(leaf.sampled), (), "length")
        return done and replace(done, seconds=leaf.seconds)

    def _admit(self) -> None:
        """Give waiting rows their slots, in the order they came, as far as there is room.

        A row that asks for nothing just now gives its slot to one that waits.
        """
        idle = (n for n, row in [*self.rows.items()] if not (row.leaves or row.arrived))
        for _ in range(len(self.rows) + len(self.waiting) - self.most_rows):
            if (noise := next(idle, None)) is None:
                break
            self.rows.pop(noise)
        while self.waiting and len(self.rows) < self.most_rows:
            noise, leaves = next(iter(self.waiting.items()))
            longest = max(len(leaf.ids) for leaf in leaves)
            columns = max([longest + 1, *(row.used for row in self.rows.values())])
            if self.rows and not self._fits(len(self.rows) + 1, columns + columns // 4):
                if (other := next(idle, None)) is None:
                    return
                self.rows.pop(other)
                continue
            del self.waiting[noise]
            held = {row.slot for row in self.rows.values()}
            slot = next(n for n in range(len(held) + 1) if n not in held)
            self.rows[noise] = Row(slot, arrived=leaves)

    def _make_room(self) -> None:
        """See that every planned column exists; put rows off that no longer fit in memory."""
        needed = max(row.used for row in self.rows.values())
        while len(self.rows) > 1 and not self._fits(len(self.rows), needed):
            self._put_off(next(reversed(self.rows)))
            needed = max(row.used for row in self.rows.values())
        if not self._fits(len(self.rows), needed):
            limit, size = self._limit() / memory.GIB, needed * self._token_bytes / memory.GIB
            raise ThinkscaleError(
                f"one row of {needed} tokens (prompt, thinking and its forked answers) needs "
                f"{size:.2g} GiB for keys and values, and {limit:.2g} GiB may be used: give the "
                "model a smaller `context`, fewer conditions or more `memory`"
            )
        slots = min(self.most_rows, len(self.rows) + len(self.waiting))
        if needed <= self.tree.columns and len(self.rows) <= self.tree.slots:
            return
        compact([*self.rows.values()], self.tree)
        for columns in self._roomy(needed):
            if self._fits(slots, columns):
                self.tree.resize(slots, columns)
                return
        self.tree.resize(len(self.rows), needed)

    def _roomy(self, needed: int) -> Iterator[int]:
        """Numbers of columns to make instead of what is needed now, best first.

        What rows may ever ask for, if that is not much more: then nothing grows again. (Attention
        over tensors with wide gaps between their rows is slower.) Else a quarter more.
        """
        most = max(row.bound for row in self.rows.values())
        if most <= _ROOMY * needed:
            yield -(-most // LANES) * LANES
        for columns in (needed + needed // 4, needed):
            yield -(-columns // _COLUMNS) * _COLUMNS

    def _fits(self, slots: int, columns: int) -> bool:
        return slots * columns * self._token_bytes <= self._limit()

    def _limit(self) -> int:
        if self.settings.memory is not None:
            return self.settings.memory
        if time.monotonic() - self._measured > _MEASURE_SECONDS:
            self._measured = time.monotonic()
            self._available = memory.free(self.device) + self.tree.bytes()
        return self._available

    def _put_off(self, noise: bytes) -> None:
        """Send a row back to wait; what it drew stays drawn, and is run again in its turn."""
        # One that asks for nothing just now only loses its place.
        if leaves := self.rows.pop(noise).vacated(self.tree):
            self.waiting[noise] = leaves
            self.waiting.move_to_end(noise, last=False)

    def _shrink(self, error: RuntimeError) -> None:
        """Out of memory: give all of it back and go on with half as many rows."""
        rows = len(self.rows)
        if rows <= 1:
            raise ThinkscaleError(
                "out of memory with a single row: give the model a smaller `context`, fewer "
                f"conditions or a larger device ({' '.join(str(error).split())[:200]})"
            ) from error
        for noise in list(reversed(self.rows)):
            self._put_off(noise)
        self.tree = tree_for(self.model, self.device)
        self.most_rows = rows // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        warnings.warn(
            f"out of memory with {rows} rows side by side; going on with {self.most_rows}",
            stacklevel=2,
        )
