"""The process in which a model learns: `python -m traits.services.predict_child FOLDER`.

It reads `train.npz` and `test.npz` (ids, labels, figures, cutoffs; no pickles) and `topics.json`, writes
`result.json`: either `{"model": …, "report": …}` or `{"error": sentence}`. A process of its own: its memory and threads
end with it, and the workers of the product never import scikit-learn.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

NICENESS = 10


def missing_sentence(module: str) -> str:
    return (
        f"Predictive traits need scikit-learn, and {module} is not installed. Install what requirements.txt names "
        "(make run does: .venv/bin/pip install -r requirements.txt) and press Retrain."
    )


def run(folder: Path) -> dict[str, Any]:
    try:
        import numpy as np  # noqa: PLC0415 - may be absent

        from traits.services.predict_learning import Samples, learn  # noqa: PLC0415 - imports scikit-learn
    except ModuleNotFoundError as error:
        return {"error": missing_sentence(error.name or "it")}
    samples = []
    for name in ("train.npz", "test.npz"):
        with np.load(folder / name, allow_pickle=False) as stored:
            samples.append(Samples(stored["ids"], stored["labels"], stored["figures"], stored["cutoffs"]))
    topics = [(words, positions) for words, positions in json.loads((folder / "topics.json").read_text())]
    model, report = learn(samples[0], samples[1], topics)
    return {"model": model, "report": report}


def main() -> None:
    os.nice(NICENESS)
    folder = Path(sys.argv[1])
    result = folder / "result.part"
    result.write_text(json.dumps(run(folder), allow_nan=False))
    result.rename(folder / "result.json")


if __name__ == "__main__":
    main()
