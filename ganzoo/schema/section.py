"""Base classes of all config sections."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from ganzoo.errors import did_you_mean


class Section(BaseModel):
    """A mapping of a config: typed, immutable, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class OpenSection(Section):
    """A mapping that names a pluggable part and holds the part's own arguments."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of the part, as written."""
        return dict(self.model_extra or {})


def check_further(section: type[BaseModel], data: Any, what: str, names_it: str) -> None:
    """Refuse extra keys of a section unless they are mappings that name a part."""
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
