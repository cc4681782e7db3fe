"""Files of CamVid, which lie beside the checkout where the project is developed."""

import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "shared/data/camvid"


def camvid_files(pattern):
    """Returns files in order; none where .ci/run has said that there is no CamVid."""
    files = sorted(FOLDER.glob(pattern))
    if not files and os.environ.get("CI") and not os.environ.get("DEEPLAB_TF_WITHOUT_SHARED"):
        raise FileNotFoundError(f"{FOLDER}: no {pattern}")
    return files
