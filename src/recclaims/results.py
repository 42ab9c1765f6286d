"""What `evaluate` returns: verdicts, their tables and frames, and the files of a report."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recclaims._model.case_result import CaseVerdict
from recclaims.errors import RecclaimsError
from recclaims.judging.run_cases import Run
from recclaims.plugin_manager import registry
from recclaims.reporting import results as documents
from recclaims.reporting import tables
from recclaims.reporting.files import write_reports

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


class Results:
    """The verdicts of a run and all that they rest on.

    Attributes:
        document: the run as results.json holds it.
    """

    def __init__(self, document: Mapping[str, Any], run: Run) -> None:
        self.document = document
        self._run = run

    @cached_property
    def verdicts(self) -> tuple[CaseVerdict, ...]:
        """One per case, in the order of the cases."""
        return tuple(map(CaseVerdict.model_validate, self.document["claims"]))

    def table(self, claim: str | None = None) -> str:
        """A row per case as text: means, relative effect with its interval, verdict and reason.

        Args:
            claim: the claim whose cases to show; None: all, a table per claim.

        Raises:
            RecclaimsError: no case is of that claim.
        """
        claims = list(dict.fromkeys(entry["claim"] for entry in self.document["claims"]))
        if claim is not None and claim not in claims:
            raise RecclaimsError(f"claim '{claim}' has no case here; there are {', '.join(claims)}")
        parts = []
        for one in claims if claim is None else [claim]:
            parts.append(f"{one}: {self.document['statements'][one]['statement']}")
            parts.append(tables.plain(*tables.case_rows(self.document, one)))
        return "\n".join(parts)

    def to_frame(self) -> pl.DataFrame:
        """A polars frame with a row per case; the interval is two columns, ci_low and ci_high."""
        import polars as pl

        rows = []
        for verdict in self.verdicts:
            row = verdict.model_dump()
            low, high = row.pop("ci")
            rows.append(row | {"ci_low": low, "ci_high": high})
        return pl.DataFrame(rows, infer_schema_length=None)

    def to_pandas(self) -> pd.DataFrame:
        """The same for pandas."""
        return self.to_frame().to_pandas()

    def cells(self) -> pl.DataFrame:
        """A polars frame with a row per training: its coordinates, metrics, epochs and seconds."""
        import polars as pl

        kept = ("dataset", "recommender", "features", "seed", "epochs", "best_epoch", "seconds", "peak_mb", "key")
        rows = [{**{key: cell[key] for key in kept}, **cell["metrics"]} for cell in self.document["cells"]]
        return pl.DataFrame(rows, infer_schema_length=None)

    def save(self, folder: str | Path) -> Path:
        """Write what `pytest suite` writes: results.json, per_user.parquet and every reporter's file.

        Returns:
            The folder.

        Raises:
            RecclaimsError: it cannot be written, or a plugin's reporter failed; what could be written is.
        """
        place = Path(folder).expanduser()
        documents.write(self.document, self._run, place)
        failed = write_reports(self.document, registry().reporters, place)
        if failed:
            raise RecclaimsError("; ".join(failed))
        return place

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<recclaims.Results: {len(self.document['claims'])} cases: {tables.counts(self.document)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: a table per claim."""
        from markupsafe import escape

        parts = []
        for claim in dict.fromkeys(entry["claim"] for entry in self.document["claims"]):
            headers, rows = tables.case_rows(self.document, claim)
            head = "".join(f"<th>{escape(text)}</th>" for text in headers)
            body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
            said = escape(f"{claim}: {self.document['statements'][claim]['statement']}")
            parts.append(f"<p>{said}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        return "".join(parts)
