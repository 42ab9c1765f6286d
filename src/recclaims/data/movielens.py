"""MovieLens 100K, read from the installed recbole package; its terms forbid shipping it here."""

from __future__ import annotations

from recclaims.data.assemble import assemble
from recclaims.data.catalogue import Item
from recclaims.data.dataset import Dataset
from recclaims.regular_file import open_regular
from recclaims.required import recbole_folder

#: The paper's protocol: of the held-out ratings, those of 4 and 5 are to be found again.
RELEVANCE = 4.0


class MovieLens100K:
    """943 users, 1,682 films, 100,000 ratings with their times; titles and genres, no images."""

    name = "ml-100k"
    modalities = frozenset({"textual", "attributes"})

    def load(self) -> Dataset:
        """Read ratings and films; see DatasetSource.

        Raises:
            NotAvailableError: recbole, which carries the data, is not installed.
        """
        import polars as pl

        stem = recbole_folder() / "dataset_example" / "ml-100k" / "ml-100k"

        def read(ending: str) -> pl.DataFrame:
            # Everything as text: a release year is 'V' once, and ids are names, not numbers.
            # Opened here: polars takes a path for a pattern.
            with open_regular(stem.with_name(f"{stem.name}.{ending}")) as file:
                table = pl.read_csv(file, separator="\t", infer_schema=False, quote_char=None)
            return table.rename(lambda column: column.partition(":")[0])

        films = read("item").with_columns(pl.all().fill_null("")).sort(pl.col("item_id").cast(pl.Int64))
        items = [
            Item(item_id, _title(title, year), attributes=_genres(genres))
            for item_id, title, year, genres in films.select(
                "item_id", "movie_title", "release_year", "class"
            ).iter_rows()
        ]
        ratings = read("inter").with_columns(pl.col("rating", "timestamp").cast(pl.Float64))
        return assemble(self.name, items, ratings, f"{stem}.inter", relevance=RELEVANCE)


def _title(title: str, year: str) -> str:
    return f"{title} ({year})" if year.isdecimal() else title


def _genres(genres: str) -> dict[str, tuple[str, ...]]:
    found = tuple(genre for genre in genres.split() if genre != "unknown")
    return {"genres": found} if found else {}
