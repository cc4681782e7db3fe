r"""Labels images through TF Serving: writes the files that tools/predict.py writes.

python tools/serve_client.py --server=localhost:8500 --dataset=EXPORT/1/assets \
  --input=IMAGES --output=LABELS
"""

import functools

from absl import flags

from deeplab_tf import cli

SERVER = cli.define_text_flag(
    "server", None, "HOST:PORT; TF Serving listens at 8500 for grpc, 8501 for rest.", required=True
)
PROTOCOL = flags.DEFINE_enum("protocol", "grpc", ["grpc", "rest"], "Protocol of the requests.")
FORM = flags.DEFINE_enum(
    "form", None, ["inputs", "instances"], "Columns or rows in REST requests; unset, columns."
)
TLS = flags.DEFINE_bool("tls", False, "Encrypt the connection.")
MODEL_NAME = cli.define_text_flag("model_name", "deeplab", "The model's name on the server.")
MODEL_VERSION = flags.DEFINE_integer(
    "model_version", None, "Its version; unset, the newest.", 0, 2**63 - 1
)
DATASET = cli.define_path_flag(
    "dataset", "Folder with dataset.json, such as the export's assets.", required=True
)
INPUT = cli.define_input_flag("An image, a folder or a pattern.")
OUTPUT = cli.define_path_flag("output", "Folder for the label PNGs.", required=True)
OVERLAY = flags.DEFINE_bool("overlay", False, "Also write the image with its labels over it.")
RESUME = flags.DEFINE_bool("resume", False, "Skip images whose outputs exist.")
OVERWRITE = cli.define_overwrite_flag()
BATCH_SIZE = flags.DEFINE_integer("batch_size", 1, "Images in a request.", lower_bound=1)
CONCURRENCY = flags.DEFINE_integer("concurrency", 4, "Number of requests at a time.", 1, 256)
DEADLINE = flags.DEFINE_float(
    "deadline", 60, "Seconds for a request, all attempts included.", 0.001, 86400
)
RETRIES = flags.DEFINE_integer(
    "retries",
    4,
    "How often a request is sent again while the server is away or busy.",
    lower_bound=0,
)


def main() -> int | None:
    from deeplab_tf.data.spec import DatasetSpec
    from deeplab_tf.evaluation.prediction_jobs import jobs_to_do, plan_jobs
    from deeplab_tf.serving import GrpcClient, RestClient
    from deeplab_tf.serving.label_files import label_files

    form = {} if FORM.value is None else {"form": FORM.value}
    if form and PROTOCOL.value != "rest":
        raise ValueError("--form belongs to --protocol=rest.")
    planned = plan_jobs(INPUT.value, OUTPUT.value)
    formats = ["png", "overlay"] if OVERLAY.value else ["png"]
    jobs = jobs_to_do(planned, formats, RESUME.value, OVERWRITE.value)
    if RESUME.value:
        print(f"{len(planned) - len(jobs)} of {len(planned)} images were labelled before")
    spec = DatasetSpec.load(DATASET.value)
    client = {"grpc": GrpcClient, "rest": RestClient}[PROTOCOL.value](
        SERVER.value,
        MODEL_NAME.value,
        MODEL_VERSION.value,
        DEADLINE.value,
        RETRIES.value,
        TLS.value,
        **form,
    )
    bar = functools.partial(cli.progress_bar, total=len(jobs))
    problems = label_files(client, spec, jobs, formats, BATCH_SIZE.value, CONCURRENCY.value, bar)
    return cli.print_labelled(problems, len(jobs), OUTPUT.value)
