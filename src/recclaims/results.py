"""What `evaluate` returns, or a results.json holds: verdicts, tables and frames of them, the files of a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from recclaims._model.case_result import ClaimResult
from recclaims._model.results import ResultsDocument
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
        document: the run as results.json holds it, typed: `document.datasets[0].users`.
    """

    def __init__(self, document: ResultsDocument, run: Run | None = None) -> None:
        self.document = document
        self._run = run

    @classmethod
    def read(cls, path: str | Path) -> Results:
        """The results of an earlier run, from its results.json.

        Raises:
            RecclaimsError: the file cannot be read, or it is no results.json; names the field.
        """
        return cls(documents.read(Path(path).expanduser()))

    @property
    def verdicts(self) -> tuple[ClaimResult, ...]:
        """One per case, in the order of the cases."""
        return self.document.claims

    def to_dict(self) -> dict[str, Any]:
        """What results.json holds."""
        return self.document.as_json()

    def table(self, claim: str | None = None) -> str:
        """A row per case as text: means, relative effect with its interval, verdict and reason.

        Args:
            claim: the claim whose cases to show; None: all, a table per claim.

        Raises:
            RecclaimsError: no case is of that claim.
        """
        claims = list(dict.fromkeys(case.claim for case in self.verdicts))
        if claim is not None and claim not in claims:
            raise RecclaimsError(f"claim '{claim}' has no case here; there are {', '.join(claims)}")
        parts = []
        for one in claims if claim is None else [claim]:
            parts.append(f"{one}: {self.document.said_of(one).statement}")
            parts.append(tables.plain(*tables.case_rows(self.document, one)))
        return "\n".join(parts)

    def to_frame(self) -> pl.DataFrame:
        """A polars frame with a row per case; the interval is two columns, ci_low and ci_high."""
        import polars as pl

        return pl.DataFrame([case.row(whole=True) for case in self.verdicts], infer_schema_length=None)

    def to_pandas(self) -> pd.DataFrame:
        """The same for pandas."""
        return self.to_frame().to_pandas()

    def cells(self) -> pl.DataFrame:
        """A polars frame with a row per training: its coordinates, metrics, epochs and seconds."""
        import polars as pl

        kept = ("dataset", "recommender", "features", "seed", "epochs", "best_epoch", "seconds", "peak_mb", "key")
        rows = [{**{key: getattr(cell, key) for key in kept}, **cell.metrics} for cell in self.document.cells]
        return pl.DataFrame(rows, infer_schema_length=None)

    def save(self, folder: str | Path) -> Path:
        """Write what `pytest suite` writes: results.json, per_user.parquet and every reporter's file.

        Results that were read from a file know no user's values: per_user.parquet is not written.

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
        return f"<recclaims.Results: {len(self.verdicts)} cases: {tables.counts(self.document)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: a table per claim."""
        from markupsafe import escape

        parts = []
        for claim in dict.fromkeys(case.claim for case in self.verdicts):
            headers, rows = tables.case_rows(self.document, claim)
            head = "".join(f"<th>{escape(text)}</th>" for text in headers)
            body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
            said = escape(f"{claim}: {self.document.said_of(claim).statement}")
            parts.append(f"<p>{said}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        return "".join(parts)
