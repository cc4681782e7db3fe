"""Small videos, in whose frames a stripe moves."""

from fractions import Fraction

import av
import numpy as np

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.image_labeller import ImageLabeller

SPEC = DatasetSpec("two", ("dark", "bright"), palette=((0, 0, 160), (200, 60, 0)))


def frame_pixels(number, height, width):
    """Returns a dark frame with a bright stripe of 8 columns, uint8 [H, W, 3]."""
    pixels = np.full([height, width, 3], 40, np.uint8)
    pixels[:, 2 + number : 10 + number] = 220
    pixels[: height // 3] //= 2  # what is up is darker
    return pixels


def write_clip(
    path, size=(36, 52), rate=Fraction(10), count=8, codec="mpeg4", pixels="yuv420p", times=None,
    sound=False,
):  # fmt: skip
    """Writes a video; `times` are those of its frames in milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = *size, pixels
        noise = container.add_stream("aac", rate=8000, layout="mono") if sound else None
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(frame_pixels(i, *size), format="rgb24")
            if times:
                frame.pts, frame.time_base = times[i], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if noise:
            samples = np.zeros([1, 1024], np.float32)
            for i in range(30):  # longer than the images
                silence = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                silence.sample_rate, silence.pts = 8000, 1024 * i
                container.mux(noise.encode(silence))
            container.mux(noise.encode())
    return path


class BrightIsOne:
    """Labels bright pixels with 1 and the others with 0; white ones are too much for it."""

    def __call__(self, image):
        if (image > 250).any():
            raise FloatingPointError("logits are not finite")
        return (image.mean(axis=-1) > 70).astype(np.uint8)


def labeller(**options):
    """Returns what labels frames without a network."""
    return ImageLabeller(BrightIsOne(), SPEC, **options)


def read_clip(path):
    """Returns the frames as stored, their times in seconds, and the stream's rate and size."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        stream = container.streams.video[0]
        times = [float(frame.pts * frame.time_base) for frame in frames]
        pixels = [frame.to_ndarray(format="rgb24") for frame in frames]
        return pixels, times, stream.average_rate, (stream.height, stream.width)
