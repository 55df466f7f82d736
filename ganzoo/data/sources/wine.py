"""`wine`: scikit-learn's chemical analyses of 178 Italian wines from three growers, a small table.

Source: Aeberhard and Forina 1992, "Wine", UCI Machine Learning Repository, doi:10.24432/C5PC7J, CC BY 4.0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ganzoo.data.arrays import split_indices
from ganzoo.data.kinds import Table
from ganzoo.data.source import Source, from_arrays
from ganzoo.registry import register
from ganzoo.schema import DatasetConfig


@register("dataset", "wine", kind="table")
def wine(dataset: DatasetConfig, **_: Any) -> Source:
    """Rows of 13 columns in the units of the data (alcohol in percent, proline in mg/l …); the label is the grower.

    Split `test` is the last fifth of each class (34 rows), `train` the rest (144), `all` both. Columns are always
    scaled by the means and deviations of `train`.
    """
    from sklearn.datasets import load_wine

    data = load_wine()
    labels = data.target.astype(np.int32)
    rows = data.data.astype(np.float32)
    chosen, learned = (split_indices(dataset.name, labels, split) for split in (dataset.split, "train"))
    kind = Table.fitted(data.feature_names, data.data[learned], dataset.name)
    return from_arrays(dataset.name, rows[chosen], labels[chosen], tuple(map(str, data.target_names)), kind)
