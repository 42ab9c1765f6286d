"""How pydantic reads what people write, for every table of a claim."""

from __future__ import annotations

from typing import Any

#: Nothing is converted, nothing unknown is passed over, and no number is infinite.
STRICT: dict[str, Any] = {
    "strict": True,
    "revalidate_instances": "always",
    "extra": "forbid",
    "allow_inf_nan": False,
    "use_attribute_docstrings": True,
}
