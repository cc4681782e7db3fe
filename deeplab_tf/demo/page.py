"""The page in Gradio. Everything it needs comes from the machine it runs on."""

# Gradio reads the annotations of functions, so that they must not be postponed.
import os
import tempfile

from deeplab_tf.data.synthetic import draw_scene
from deeplab_tf.demo.labeller import Labeller
from deeplab_tf.demo.markup import STYLE, hint
from deeplab_tf.demo.photo import MAX_BYTES
from deeplab_tf.demo.session import CONTROLS, FIRST_STEP, Control, Session
from deeplab_tf.evaluation.tiles import WHOLE_PIXELS

# Scores of all visitors take up to so many bytes; the longest unused ones go first.
KEPT_BYTES = 2**31
KEPT_SECONDS = 3600
EXAMPLES = 4
_OPACITY = 60
_PAGE_STYLE = """
#examples .grid-wrap { min-height: 0; padding: 8px; }
#examples .grid-container { grid-template-columns: repeat(4, minmax(0, 1fr)) !important; }
"""
_SET_OPACITY = "(v) => document.documentElement.style.setProperty('--opacity', v / 100)"


def serve(labeller: Labeller, host: str, port: int):
    """Serves the page until the process ends.

    Args:
        labeller: computes.
        host: address to listen at; `127.0.0.1` for this machine only.
        port: to listen at.

    Raises:
        ImportError: Gradio is not installed.
        OSError: the port is taken.
    """
    gradio = _import_gradio()
    scenes = {f"val_{i:04d}": draw_scene("val", i)[0] for i in range(EXAMPLES)}
    for name, image in scenes.items():  # the first visitor shall not wait for graphs
        labeller.refine(labeller.score(name, image), {})
    with tempfile.TemporaryDirectory(prefix="deeplab_demo_") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        page = build_page(labeller, scenes)
        try:
            _, url, _ = page.launch(
                server_name=host,
                server_port=port,
                share=False,
                quiet=True,
                prevent_thread_lock=True,
                enable_monitoring=False,
                run_history=False,
                footer_links=[],
                ssr_mode=False,
                pwa=False,
                max_file_size=MAX_BYTES,
                state_session_capacity=_capacity(labeller.spec.num_classes),
                theme=gradio.themes.Default(spacing_size="sm"),
                css=STYLE + _PAGE_STYLE,
            )
        except OSError as error:
            raise OSError(f"Port {port} of {host} cannot be had; give another one.") from error
        print(f"the page: {url}", flush=True)
        page.block_thread()


def build_page(labeller: Labeller, examples: dict):
    """Lays out the page.

    Args:
        labeller: computes.
        examples: uint8 RGB [H, W, 3] by name.

    Returns:
        gradio.Blocks.
    """
    gradio = _import_gradio()
    session = Session(labeller, examples)
    spec = labeller.spec
    start = [labeller.parameters[control.name] for control in CONTROLS]

    def example(event: gradio.SelectData, *values):
        return session.example(event.index, *values)

    with gradio.Blocks(
        analytics_enabled=False,
        title=f"DeepLab: {spec.name}",
        fill_width=True,
        delete_cache=(KEPT_SECONDS, KEPT_SECONDS),
    ) as page:
        photo = gradio.State(time_to_live=KEPT_SECONDS)
        gradio.Markdown(f"## DeepLab, {spec.num_classes} classes of {spec.name}")
        with gradio.Row():
            with gradio.Column(scale=0, min_width=320):
                upload = gradio.File(label="Photo (JPEG or PNG)", height=120)
                gradio.Markdown("Or an example of the embedded data set:")
                gallery = gradio.Gallery(
                    list(examples.values()),
                    show_label=False,
                    columns=EXAMPLES,
                    allow_preview=False,
                    interactive=False,
                    buttons=[],
                    elem_id="examples",
                )
                opacity = gradio.Slider(
                    0, 100, _OPACITY, step=1, label="Opacity of the labels, %", elem_id="opacity"
                )
                with gradio.Group():
                    sliders = [_slider(gradio, *row) for row in zip(CONTROLS, start, strict=True)]
                reset = gradio.Button("Reset the CRF", size="sm")
            with gradio.Column(scale=1):
                shown = gradio.HTML(hint(FIRST_STEP), elem_id="answer")

        # One computation at a time: two would only slow each other down.
        computing = {
            "concurrency_id": "model",
            "concurrency_limit": 1,
            "api_visibility": "private",
            "show_progress_on": shown,
        }
        labelled = upload.upload(session.upload, [upload, *sliders], [photo, shown], **computing)
        labelled.then(None, None, upload, js="() => null")  # ready for the next one
        gallery.select(example, sliders, [photo, shown], **computing)
        gradio.on(
            [slider.change for slider in sliders],
            session.refine,
            [photo, *sliders],
            shown,
            trigger_mode="always_last",
            **computing,
        )
        reset.click(lambda: start, None, sliders, api_visibility="private")
        opacity.input(None, opacity, None, js=_SET_OPACITY)
    return page


def _slider(gradio, control: Control, value: float):
    return gradio.Slider(
        min(control.low, value),
        max(control.high, value),
        value,
        step=control.step,
        precision=0 if isinstance(value, int) else None,
        label=control.label,
        elem_id=control.name,
    )


def _capacity(num_classes: int) -> int:
    """How many visitors' scores are kept at once."""
    return max(1, KEPT_BYTES // (4 * num_classes * WHOLE_PIXELS))


def _import_gradio():
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        import gradio
    except ImportError as error:
        raise ImportError(
            f"The page needs Gradio: pip install 'deeplab_tf[demo]' ({error})."
        ) from error
    return gradio
