"""Print the tables of docs/metrics.md: response of the metrics to damaged images, and their bias (6 minutes).

Needs Fashion-MNIST (`apt-get install dataset-fashion-mnist`, or a network).
"""

import numpy as np

from ganzoo.data.open import open_source
from ganzoo.evaluation.examples import from_source
from ganzoo.evaluation.sanity import bias_table, damage_tables
from ganzoo.schema import DatasetConfig

FEATURES = "fashion_cnn"
REAL = 10_000


def main() -> None:
    """Compare 10,000 training images with the 10,000 damaged test images."""
    data = DatasetConfig(name="fashion_mnist", size=28, channels=1)
    train, test = (open_source(data.model_copy(update={"split": split})) for split in ("train", "test"))
    others = from_source(test)
    images = others.read(np.arange(others.count))
    assert others.labels is not None
    for table in damage_tables(from_source(train, REAL), images, others.labels, FEATURES):
        print(f"{table.describe()}\n", flush=True)
    everything = from_source(train)
    print(bias_table(everything.read(np.arange(everything.count)), images, FEATURES).describe())


if __name__ == "__main__":
    main()
