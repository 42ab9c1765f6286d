"""The results of a run, from `evaluate` or a results.json: verdicts, tables, frames, and the files of a report."""

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
    """The verdicts of a run and everything they rest on.

    Attributes:
        document: the content of results.json as typed objects: `document.datasets[0].users`.
    """

    def __init__(self, document: ResultsDocument, run: Run | None = None) -> None:
        self.document = document
        self._run = run

    @classmethod
    def read(cls, path: str | Path) -> Results:
        """Read the results of an earlier run from its results.json.

        Raises:
            RecclaimsError: the file cannot be read or is not a results.json; names the field.
        """
        return cls(documents.read(Path(path).expanduser()))

    @property
    def verdicts(self) -> tuple[ClaimResult, ...]:
        """One result per case, in the order of the cases."""
        return self.document.claims

    def to_dict(self) -> dict[str, Any]:
        """Return the content of results.json."""
        return self.document.as_json()

    def table(self, claim: str | None = None) -> str:
        """Return a text table with a row per case: means, relative effect with its interval, verdict and reason.

        Args:
            claim: show only the cases of this claim; None: all cases, one table per claim.

        Raises:
            RecclaimsError: the claim has no cases here.
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
        """Return a polars frame with a row per case; the interval is in two columns, ci_low and ci_high."""
        import polars as pl

        return pl.DataFrame([case.row(whole=True) for case in self.verdicts], infer_schema_length=None)

    def to_pandas(self) -> pd.DataFrame:
        """Return the same as a pandas frame."""
        return self.to_frame().to_pandas()

    def cells(self) -> pl.DataFrame:
        """Return a polars frame with a row per training: what it is of, metrics, epochs and seconds."""
        import polars as pl

        kept = ("dataset", "recommender", "features", "seed", "epochs", "best_epoch", "seconds", "peak_mb", "key")
        rows = [{**{key: getattr(cell, key) for key in kept}, **cell.metrics} for cell in self.document.cells]
        return pl.DataFrame(rows, infer_schema_length=None)

    def save(self, folder: str | Path) -> Path:
        """Write the same files as `pytest suite`: results.json, per_user.parquet and every reporter's file.

        Results that were read from a file have no values per user, so per_user.parquet is then not written.

        Returns:
            The folder.

        Raises:
            RecclaimsError: a file cannot be written, or a reporter failed; the other files are written all the same.
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
        """The HTML that a notebook shows: a table per claim."""
        from markupsafe import escape

        parts = []
        for claim in dict.fromkeys(case.claim for case in self.verdicts):
            headers, rows = tables.case_rows(self.document, claim)
            head = "".join(f"<th>{escape(text)}</th>" for text in headers)
            body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
            said = escape(f"{claim}: {self.document.said_of(claim).statement}")
            parts.append(f"<p>{said}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        return "".join(parts)
