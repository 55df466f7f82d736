"""What all mappings of a config have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from ganzoo.errors import did_you_mean


class Section(BaseModel):
    """One mapping of a config: typed, immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class OpenSection(Section):
    """A mapping that names a pluggable part and carries that part's own arguments."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    @property
    def arguments(self) -> dict[str, Any]:
        """The part's own arguments, as written."""
        return dict(self.model_extra or {})


def check_further(section: type[BaseModel], data: Any, what: str, names_it: str) -> None:
    """Refuses further keys of a section that are no mappings naming a part, which is what they are there for."""
    if not isinstance(data, dict):
        return
    known = {field.alias or name for name, field in section.model_fields.items()}
    for key, value in data.items():
        given = isinstance(value, dict | BaseModel)
        if key not in known and not (given and (isinstance(value, BaseModel) or names_it in value)):
            near = did_you_mean(str(key), known)
            if given and "did you mean" not in near:
                near = f" ({what} is a mapping with the key '{names_it}')"
            raise ValueError(f"{key}: unknown key{near}")
