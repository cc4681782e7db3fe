"""The page as visitors use it: tools/demo.py in its own process, driven by a real Chromium."""

import functools
import json
import select
import shutil
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from deeplab_tf.data.png import encode_label, label_ids
from deeplab_tf.data.spec import palette_bytes
from deeplab_tf.demo.uploaded_image import MAX_BYTES
from deeplab_tf.demo.uploads import UPLOADED_BYTES
from tests.demo.page_process import CRF, Server
from tests.models.narrow import patches, uncertain_model

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shallow_vgg", "eager_file")]

MESSAGE = "#result [role=alert]"


@pytest.fixture(scope="module")
def predictor():
    return deeplab_tf.Predictor(uncertain_model(patches(60, 80)), CRF)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two images; the second is stored lying on its side."""
    folder, exif = tmp_path_factory.mktemp("images"), Image.Exif()
    Image.fromarray(patches(60, 80)[0]).save(folder / "first.png")
    exif[0x0112] = 6
    Image.fromarray(patches(90, 70)[0]).save(folder / "second.jpg", exif=exif)
    return [folder / "first.png", folder / "second.jpg"]


@pytest.fixture(scope="module")
def proxy():
    """What a process that wanted to reach another host would connect to."""
    with socket.create_server(("127.0.0.1", 0)) as callback:
        yield callback


@pytest.fixture(scope="module")
def server(predictor, proxy, tmp_path_factory):
    started = Server(predictor, proxy, tmp_path_factory.mktemp("demo"))
    yield started
    if started.is_running():
        started.stop()


@pytest.fixture(scope="module")
def requested():
    """Addresses that the browser asked for."""
    return []


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def context(browser):
    """What the pages share: their scripts are loaded and compiled once."""
    with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
        yield context


@pytest.fixture
def visit(server, context, requested):
    """Opens the page as another visitor: every page has a session of its own."""
    pages = []

    def open_page():
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(20_000)
        page.on("request", lambda request: requested.append(request.url))
        page.goto(server.address)
        page.get_by_text("Drop an image on the left").wait_for()
        return page

    yield open_page
    for page in pages:
        page.close()


def upload(page, path):
    page.locator("input[type=file]").set_input_files(path)


def wait_for_result(page, stem):
    page.locator("#figure-image", has_text=f"{stem}, ").wait_for()


def download(page, figure):
    """Clicks on the link below a figure and returns the file."""
    with page.expect_download() as download:
        page.locator(f"#figure-{figure} a").click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def computations(requested):
    """How often the page asked the server to compute; it also sends signs of life."""
    return sum("/queue/join" in url for url in requested)


def set_value(page, control, value):
    box = page.locator(f"#{control} input[type=number]")
    box.fill(str(value))
    box.press("Enter")


@functools.cache
def expected(predictor, path, **changes):
    """The label PNGs as tools/predict.py writes them, before and after the CRF."""
    other = deeplab_tf.Predictor(predictor.model, {**CRF, **changes})
    stages = other.predict_stages(deeplab_tf.data.read_upright(path))
    return [encode_label(labels, palette_bytes(predictor.model.spec)) for labels in stages]


@pytest.mark.parametrize("number", [0, 1])
def test_an_upload_is_labelled(visit, images, predictor, number):
    page, image = visit(), images[number]
    upload(page, image)
    wait_for_result(page, image.stem)
    before, after = expected(predictor, image)
    assert before != after
    assert download(page, "network") == (f"{image.stem}.png", before)
    assert download(page, "crf") == (f"{image.stem}.png", after)
    for figure in page.locator("#result img").all():
        assert figure.evaluate("image => image.naturalWidth") > 0
        box = figure.bounding_box()
        assert box["x"] > 320 and box["x"] + box["width"] < 1400
        assert box["y"] + box["height"] < 900
    assert page.locator(".legend li").count() == predictor.model.num_classes
    assert " ms" in page.locator("#figure-network figcaption").inner_text()


def test_opacity_changes_the_image_and_asks_the_server_nothing(visit, images, requested):
    page = visit()
    upload(page, images[0])
    wait_for_result(page, "first")
    overlay = page.locator("#figure-network img.labels")
    screenshots = []
    asked = computations(requested)
    for percent in (0, 100):
        page.locator("#opacity input[type=range]").fill(str(percent))
        page.wait_for_function(
            "value => getComputedStyle(document.querySelector('img.labels')).opacity == value",
            arg=str(percent // 100),
        )
        screenshots.append(overlay.screenshot())
    assert screenshots[0] != screenshots[1]
    assert computations(requested) == asked > 0


def test_crf_parameters_are_live_and_spare_the_network(visit, images, predictor):
    page, image = visit(), images[0]
    upload(page, image)
    wait_for_result(page, "first")
    network = page.locator("#figure-network figcaption").inner_text()
    caption = page.locator("#figure-crf figcaption")
    first = caption.inner_text().split("changed")[1]
    page.locator("#iterations input[type=range]").fill("0")
    page.locator("#figure-crf", has_text="changed 0.00 % of").wait_for()
    assert download(page, "crf")[1] == expected(predictor, image)[0]
    page.get_by_role("button", name="Reset the CRF").click()
    page.locator("#figure-crf", has_text=f"changed{first.splitlines()[0]}").wait_for()
    changes = {"bilateral_weight": 9.5, "bilateral_sigma_xy": 5, "gaussian_weight": 0}
    wanted = expected(predictor, image, **changes)[1]
    assert wanted not in expected(predictor, image)
    for name, value in changes.items():
        set_value(page, name, value)
    before = label_ids(expected(predictor, image)[0], "before")
    share = np.mean(label_ids(wanted, "wanted") != before)
    page.locator("#figure-crf", has_text=f"changed {100 * share:.2f} %").wait_for()
    assert download(page, "crf")[1] == wanted
    assert page.locator("#figure-network figcaption").inner_text() == network


def test_visitors_do_not_see_each_others_images(visit, images, predictor):
    pages = [visit(), visit()]
    for page, image in zip(pages, images, strict=True):
        upload(page, image)
    for page, image in zip(pages, images, strict=True):
        wait_for_result(page, image.stem)
        page.locator("#iterations input[type=range]").fill("0")
        page.locator("#figure-crf", has_text="changed 0.00 %").wait_for()
        assert download(page, "crf") == (f"{image.stem}.png", expected(predictor, image)[0])


def test_an_example_is_labelled(visit):
    page = visit()
    page.locator("#examples button").nth(1).click()
    wait_for_result(page, "val_0001")
    assert "113 x 89" in page.locator("#figure-image figcaption").inner_text()


BROKEN = {
    "notes.txt": (b"no image", "no image of a known format"),
    "empty.png": (b"", "no image of a known format"),
    "broken.jpg": (b"\xff\xd8\xff" + bytes(50), "broken or cut off"),
}


def test_no_image_is_a_message_and_the_next_one_is_labelled(visit, images, tmp_path):
    page = visit()
    for name, (contents, message) in BROKEN.items():
        (tmp_path / name).write_bytes(contents)
        upload(page, tmp_path / name)
        page.locator(MESSAGE, has_text=f"{name}: {message}").wait_for()
    upload(page, images[0])
    wait_for_result(page, "first")
    assert page.locator(MESSAGE).count() == 0


def test_too_many_pixels_and_too_many_bytes_are_messages(visit, tmp_path):
    page = visit()
    Image.new("L", (4000, 3000)).save(tmp_path / "phone.jpg")
    upload(page, tmp_path / "phone.jpg")
    page.locator(MESSAGE, has_text="phone.jpg: 4000 x 3000 pixels are too many").wait_for()
    with open(tmp_path / "film.jpg", "wb") as file:
        file.truncate(33 * 2**20)
    upload(page, tmp_path / "film.jpg")
    page.get_by_text("exceed the maximum allowed size").wait_for()


def request(address, body=None, kind="application/json"):
    """Returns status and contents of what an address responds."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    headers = {"Content-Type": kind}
    try:
        with opener.open(urllib.request.Request(address, body, headers), timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def call_upload_event(server, path):
    """Does what the page does after an upload, with a path of the caller's choice."""
    config = json.loads(request(f"{server.address}config")[1])
    event = next(e for e in config["dependencies"] if [t[1] for t in e["targets"]] == ["upload"])
    file = {"path": path, "orig_name": "image.png", "meta": {"_type": "gradio.FileData"}}
    values = [3.0, 20.0, 10.0, 3.0, 3]
    call = {"data": [file, *values], "fn_index": event["id"], "session_hash": f"attack{path}"}
    base = f"{server.address}gradio_api/queue/"
    assert request(f"{base}join", json.dumps(call).encode())[0] == 200
    stream = request(f"{base}data?session_hash={call['session_hash']}")[1].decode()
    messages = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
    return next(m for m in messages if m["msg"] == "process_completed")


def test_nobody_can_take_the_examples_from_others(server, visit, proxy):
    page = visit()
    source = page.locator("#examples img").first.get_attribute("src")
    example = unquote(urlsplit(source).path.split("file=")[1])
    host, port = proxy.getsockname()
    others = [f"http://{host}:{port}/x.png", str(Path(example).parent)]
    for path in [example, f"{Path(example).parent}/../examples/val_0001.png", *others]:
        assert not call_upload_event(server, path)["success"]
    assert Path(example).exists()
    page = visit()
    examples = page.locator("#examples img")
    assert examples.count() == 4
    for number, image in enumerate(examples.all()):
        page.wait_for_function("i => i.complete && i.naturalWidth > 0", arg=image.element_handle())
        page.locator("#examples button").nth(number).click()
        wait_for_result(page, f"val_{number:04d}")


def test_an_emptied_box_is_no_error(visit, images, predictor):
    page, image = visit(), images[0]
    upload(page, image)
    wait_for_result(page, "first")
    set_value(page, "iterations", 0)
    page.locator("#figure-crf", has_text="changed 0.00 %").wait_for()
    box = page.locator("#iterations input[type=number]")
    box.fill("")
    page.locator("#figure-crf", has_not_text="changed 0.00 %").wait_for()
    assert download(page, "crf")[1] == expected(predictor, image)[1]
    assert page.locator("[data-testid=toast-body]").count() == 0
    page.locator("#examples button").first.click()
    wait_for_result(page, "val_0000")
    assert page.locator("[data-testid=toast-body]").count() == 0


def test_uploads_take_a_limited_room(server, visit, images):
    (folder,) = server.folders()
    address, kind = f"{server.address}gradio_api/upload", "multipart/form-data; boundary=edge"
    form = (
        b'--edge\r\nContent-Disposition: form-data; name="files"; filename="%d.png"\r\n\r\n%s\r\n'
    )
    for number in range(UPLOADED_BYTES // MAX_BYTES + 2):
        contents = number.to_bytes(4, "big") + bytes(MAX_BYTES - 4)
        assert request(address, form % (number, contents) + b"--edge--\r\n", kind)[0] == 200
    uploads = list((folder / "uploads").rglob("*.png"))
    assert sum(path.stat().st_size for path in uploads) <= UPLOADED_BYTES
    assert any(path.name == f"{number}.png" for path in uploads)
    several = b"".join(form % (number, bytes(MAX_BYTES // 2)) for number in range(3))
    assert request(address, several + b"--edge--\r\n", kind)[0] == 413
    page = visit()
    upload(page, images[0])
    wait_for_result(page, "first")


def stop_under_a_visitor(server, browser, number):
    """Stops a server by a signal and looks at what it leaves."""
    page = browser.new_page()
    page.goto(server.address)  # a visitor, whose connection stays open
    page.locator("#examples img").first.wait_for()
    assert len(server.folders()) == 1
    status, errors = server.stop(number)
    assert status == 0 and list(server.temporary.iterdir()) == []
    assert "Traceback" not in errors
    page.close()


def test_a_stopped_page_leaves_no_files(predictor, proxy, browser, tmp_path):
    """By Ctrl-C; the last test below stops the other server, by SIGTERM."""
    stop_under_a_visitor(Server(predictor, proxy, tmp_path), browser, signal.SIGINT)


def test_nothing_left_the_machine_and_nothing_went_wrong(server, browser, requested, proxy):
    """Runs last, over all that the tests above did."""
    hosts = {urlsplit(url).netloc for url in requested if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(server.address).netloc}
    assert select.select([proxy], [], [], 0)[0] == []
    assert "Traceback" not in server.errors()
    stop_under_a_visitor(server, browser, signal.SIGTERM)
    assert select.select([proxy], [], [], 0)[0] == []
