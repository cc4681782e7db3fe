"""Serves a web page that labels images and shows what the CRF's parameters do.

python tools/demo.py --model=DIR/model.keras
"""

from absl import flags

from deeplab_tf import cli

MODEL = cli.define_model_flag()
HOST = cli.define_text_flag("host", "127.0.0.1", "Address to listen at; 0.0.0.0 for everybody.")
PORT = flags.DEFINE_integer("port", 7860, "Port to listen at.", lower_bound=1, upper_bound=65535)
CRF = cli.define_crf_flag()
PREDICTION = cli.define_prediction_flags()


def main() -> None:
    from deeplab_tf.demo.labeller import Labeller
    from deeplab_tf.demo.server import serve
    from deeplab_tf.pretrained.open_network import open_network

    model = open_network(MODEL.value)
    predictor = cli.build_predictor(model, CRF.value or True, PREDICTION)
    serve(Labeller(predictor), HOST.value, PORT.value)
