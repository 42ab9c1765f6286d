"""Every user's value of every metric, as a table that statistics can be done again from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recclaims._model.population import EVERYONE, Population
from recclaims.evaluation.metrics import METRICS
from recclaims.reporting.files import draft_of
from recclaims.reporting.privacy import share

if TYPE_CHECKING:
    from recclaims._model.cell import Cell
    from recclaims.engine.cell import CellResult
    from recclaims.judging.run_cases import Run

#: Rows that are kept before they are written: with all cells at once, a run of many users would need gigabytes.
ROWS_AT_ONCE = 500_000


def write_per_user(run: Run, path: Path) -> None:
    """Write per_user.parquet, atomically: a row for each user of each cell, a column for each metric that a claim asks.

    Raises:
        OSError: the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"key": pa.string(), "recommender": pa.string(), "features": pa.string(), "seed": pa.int32()}
    claims = dict.fromkeys(case.claim for case in run.judged)
    asked = [(claim.metric, of) for claim in claims for of in (claim.population, claim.other_population) if of]
    metrics = [*dict.fromkeys([*((metric, EVERYONE) for metric in METRICS), *asked])]
    columns |= {"user": pa.int32(), **{_column(*one): pa.float64() for one in metrics}}
    schema = pa.schema(list(columns.items()))
    waiting: list[Any] = []
    # Arrow opens no path that is not UTF-8.
    with (
        draft_of(path) as draft,
        draft.open("wb") as file,
        pq.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        for result in run.outcome.results.values():
            waiting.append(_rows(result, run.called(result.cell), metrics, schema))
            if sum(table.num_rows for table in waiting) >= ROWS_AT_ONCE:
                writer.write_table(pa.concat_tables(waiting))
                waiting.clear()
        if waiting:
            writer.write_table(pa.concat_tables(waiting))


def _column(metric: str, population: Population) -> str:
    """What a column is called: `ndcg@10`, or `ndcg@10 of items with at most 5 train interactions`."""
    return metric if population.is_everyone else f"{metric} of {population}"


def _rows(result: CellResult, cell: Cell, metrics: Sequence[tuple[str, Population]], schema: Any) -> Any:
    """The users of a cell who have a value of any metric, as a table of Arrow."""
    import pyarrow as pa

    values = np.stack([result.values(*one) for one in metrics])
    users = np.flatnonzero(np.isfinite(values).any(axis=0))
    same = {"key": result.key, "recommender": cell.recommender, "features": share(cell.arm), "seed": cell.seed}
    columns = [pa.repeat(pa.scalar(value, schema.field(name).type), len(users)) for name, value in same.items()]
    columns.append(pa.array(users, pa.int32()))
    # Null where a user has no value of one metric.
    return pa.table([*columns, *(pa.array(row[users], from_pandas=True) for row in values)], schema=schema)
