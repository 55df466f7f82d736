"""The client against stubs that speak TensorFlow Serving's forms, over REST and gRPC, with a model made of NumPy."""

import numpy as np
import pytest
from PIL import Image
from stub_servers import CLASSES, Backend, Digits, Painter, RefusalError, drawn, grpc_server, refused

import ganzoo
from ganzoo.core import images
from ganzoo.errors import ServerError, UsageError
from ganzoo.serving.client import client as client_module
from ganzoo.serving.client.metadata import Metadata, Signature, Tensor


def predictions(backend):
    return [asked for asked in backend.asked if asked != "metadata"]


def test_labels_and_seed(connect, backend, kind):
    made = connect().generate(labels=[2, 2, 0], seed=5, truncation=0.5)
    expected = drawn(np.array([[5, 0], [5, 1], [5, 2]]), np.float32(0.5), np.array([2, 2, 0]))
    assert made.dtype == np.uint8
    assert np.array_equal(made, expected)
    signature = {"rest": "generate_png", "grpc": "generate"}[kind]
    assert predictions(backend) == [(signature, {"seeds": 3, "truncation": 3, "labels": 3})]


def test_labels_cycle_through_the_classes_by_position(connect, backend):
    client = connect()
    made = client.generate(seed=1, positions=[7, 2])
    assert np.array_equal(made, drawn(np.array([[1, 7], [1, 2]]), np.float32(1), np.array([1, 2])))
    assert client.generate(seed=1).shape == (CLASSES, 2, 3, 1)
    assert client.classes == CLASSES
    assert [name for name, _ in predictions(backend)].count("decode") == 1, "what is known is not asked for again"
    assert backend.asked.count("metadata") == 1


def test_one_label_for_all(connect):
    made = connect().generate(2, labels=1, seed=0)
    assert np.array_equal(made, drawn(np.array([[0, 0], [0, 1]]), np.float32(1), np.array([1, 1])))


def test_points(connect):
    made = connect("points").generate(3, seed=2, truncation=0.5)
    assert made.dtype == np.float32
    assert np.array_equal(made, np.float32([[0.25, 0], [0.25, 0.125], [0.25, 0.25]]))


def test_many_are_cut_into_several_requests(connect, backend):
    made = connect().generate(600, labels=0, seed=3)
    assert np.array_equal(made, drawn(np.stack([np.full(600, 3), np.arange(600)], 1), np.float32(1)))
    assert [rows["seeds"] for _, rows in predictions(backend)] == [256, 256, 88]


def test_large_images_are_cut_by_their_pixels(connect, backend, monkeypatch):
    monkeypatch.setattr(client_module, "MOST_PIXELS", 200)
    batch = np.arange(5 * 8 * 9 * 3, dtype=np.uint8).reshape(5, 8, 9, 3)
    assert np.array_equal(connect("painter").translate(batch, "monet"), 255 - batch)
    assert [next(iter(rows.values())) for _, rows in predictions(backend)] == [2, 2, 1]


@pytest.mark.parametrize("files", [True, False])
def test_translate(connect, backend, kind, files):
    backend.models["painter"] = Painter(files)
    batch = np.random.default_rng(0).integers(0, 256, (2, 9, 8, 3), np.uint8)
    client = connect("painter")
    assert client.domains == ("monet", "photo")
    assert np.array_equal(client.translate(batch, "photo"), batch ^ 0x55)
    assert np.array_equal(client.translate(batch[0], "monet"), 255 - batch[0])
    assert np.array_equal(client.translate(batch), 255 - batch), "the first that it makes"
    as_file = "_bytes" if files and kind == "rest" else ""
    assert [name for name, _ in predictions(backend)] == [
        f"translate_to_photo{as_file}",
        f"translate_to_monet{as_file}",
        "serving_default",
    ]


def test_the_only_domain_is_the_first(connect, backend):
    backend.models["painter"] = Painter(domains=["photo"])
    image = np.full((8, 8, 3), 3, np.uint8)
    assert np.array_equal(connect("painter").translate(image), image ^ 0x55)


def test_tiles(connect, backend):
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    assert np.array_equal(connect("painter").translate(image, "monet", tile=32), 255 - image)
    assert len(predictions(backend)) == 6


def test_files(connect, backend):
    pictures = [np.full((8, 9, 3), 4, np.uint8), np.full((10, 8, 3), 5, np.uint8)]
    made = connect("painter").translate_bytes([images.encode_png(picture) for picture in pictures], "monet")
    for picture, file in zip(pictures, made, strict=True):
        assert np.array_equal(images.decode(file, "made"), 255 - picture)


def test_one_request_leaves_the_version_to_the_server(connect, backend):
    connect().generate(256, labels=0)
    connect("painter").translate(np.zeros((32, 32, 3), np.uint8), "monet", tile=32)
    assert backend.asked_versions == [None, None]
    assert backend.asked.count("metadata") == 2


def test_several_requests_go_to_one_version(connect, backend):
    client = connect()
    client.metadata()
    backend.version = 5
    client.generate(600, labels=0)
    assert backend.asked_versions == [5, 5, 5]
    assert backend.asked.count("metadata") == 2
    painter = connect("painter")
    painter.translate(np.zeros((40, 60, 3), np.uint8), "monet", tile=32)
    painter.translate(np.zeros((2, 8, 8, 3), np.uint8), "monet", tile=32)
    painter.translate_bytes([images.encode_png(np.zeros((8, 8, 3), np.uint8))] * 2, "monet")
    assert backend.asked_versions[3:] == [5] * (6 + 2 + 2)


def test_the_version_that_was_asked_for_is_kept(connect, backend):
    client = connect(version=4)
    client.generate(600, labels=0)
    assert backend.asked_versions == [4, 4, 4]
    assert backend.asked.count("metadata") == 1
    backend.versions = {4: 5}
    with pytest.raises(ServerError, match="version 4 of model 'digits' is not ready: "):
        client.generate(600, labels=0)
    assert backend.asked_versions[3:] == [4, 4]


def test_a_version_that_goes_leaves_nothing_in_the_result(connect, backend):
    backend.versions = {1: 5}
    made = connect().generate(600, labels=0, seed=3)
    assert np.array_equal(made, 255 - drawn(np.stack([np.full(600, 3), np.arange(600)], 1), np.float32(1)))
    assert backend.asked_versions == [4, 4, 5, 5, 5]


def test_versions_that_keep_going(connect, backend):
    backend.versions = {1: 5, 3: 6, 5: 7}
    with pytest.raises(ServerError, match="version 6 of model 'digits' is not ready: "):
        connect().generate(600, labels=0)
    assert backend.asked_versions == [4, 4, 5, 5, 6, 6]


def test_metadata(connect):
    client = connect("points", version=4)
    generate = Signature(
        "generate",
        {"seeds": Tensor("int32", (None, 2)), "truncation": Tensor("float32", (None,))},
        {"points": Tensor("float32", (None, 2))},
    )
    assert client.metadata() == Metadata("points", 4, {"generate": generate})
    assert client.signature("generate") == generate
    assert client.classes == 0
    assert client.domains == ()


def test_ready(connect, backend, clock):
    assert connect().ready()
    assert not connect("digit").ready()
    assert not connect(version=5).ready()
    backend.script = [RefusalError(503, "loading")]
    assert not connect().ready()
    assert not clock.slept
    backend.script = [RefusalError(500, "broken")]
    with pytest.raises(ServerError, match="broken"):
        connect().ready()


def test_not_ready_in_time(connect, backend, monkeypatch):
    monkeypatch.setattr("ganzoo.serving.client.connection.READY_SECONDS", 0.2)
    backend.go_on.clear()
    assert not connect().ready()
    backend.go_on.set()


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_server_is_asked_again(connect, backend, clock, code):
    backend.script = [RefusalError(code, "full")] * 3
    assert connect().generate(1, labels=1, seed=1).shape == (1, 2, 3, 1)
    assert clock.slept == [0.25, 0.5, 1.0]


def test_as_long_as_it_says(connect, backend, clock):
    backend.script = [RefusalError(429, "full", "7"), RefusalError(503, "full", "0"), RefusalError(503, "full", "soon")]
    connect().metadata()
    assert clock.slept == [7.0, 0.5, 1.0]


def test_as_often_as_it_may(connect, backend, clock, address):
    backend.script = [RefusalError(429, "the queue is full")] * 3
    message = f"{address}: the server is too busy (the queue is full) (after 3 attempts)"
    with pytest.raises(ServerError) as raised:
        connect(retries=2).metadata()
    assert str(raised.value) == message
    assert len(clock.slept) == 2
    backend.script = [RefusalError(429, "the queue is full")] * 2
    with pytest.raises(ServerError, match=r"full\)$"):
        connect(retries=0).metadata()


def test_a_wait_beyond_the_time_limit_is_not_waited(connect, backend, clock, address):
    backend.script = [RefusalError(429, "full", "60")]
    with pytest.raises(ServerError) as raised:
        connect(timeout=30).metadata()
    assert str(raised.value) == (
        f"{address}: no answer within 30 s (for a longer limit: timeout, --timeout); "
        f"last error: {address}: the server is too busy (full)"
    )
    assert not clock.slept


def test_the_time_limit_is_for_all_requests_of_a_call(connect, backend, clock):
    run = Digits.run

    def slow(model, name, inputs):
        clock.now += 4
        return run(model, name, inputs)

    backend.models["digits"].run = lambda name, inputs: slow(Digits(), name, inputs)
    client = connect(timeout=10)
    with pytest.raises(ServerError, match="no answer within 10 s"):
        client.generate(1024, labels=0)
    assert client.generate(512, labels=0).shape[0] == 512


def test_the_time_limit_is_for_all_tiles_of_an_image(connect, backend, clock):
    run = backend.models["painter"].run

    def slow(name, inputs):
        clock.now += 4
        return run(name, inputs)

    backend.models["painter"].run = slow
    client = connect("painter", timeout=10)
    with pytest.raises(ServerError, match="no answer within 10 s"):
        client.translate(np.zeros((40, 60, 3), np.uint8), "monet", tile=32)
    assert len(backend.asked_versions) == 3


def test_a_server_that_does_not_answer(connect, backend, address):
    backend.go_on.clear()
    with pytest.raises(ServerError) as raised:
        connect(timeout=0.2).generate(1)
    backend.go_on.set()
    assert str(raised.value) == (f"{address}: no answer within 0.2 s (for a longer limit: timeout, --timeout)")


@pytest.mark.parametrize("code", [400, 500, 504])
def test_what_is_refused_is_not_asked_again(connect, backend, clock, address, code):
    backend.script = [RefusalError(code, "no\n  such luck")]
    with pytest.raises(ServerError) as raised:
        connect().metadata()
    assert str(raised.value) == f"{address}: digits: no such luck"
    assert backend.asked == ["metadata"]
    assert not clock.slept


def test_what_is_too_large_is_not_sent_again(clock):
    backend = Backend()
    with (
        grpc_server(backend) as address,  # which takes 4 MiB
        ganzoo.Client(address, "painter") as client,
        pytest.raises(ServerError) as raised,
    ):
        client.translate(np.zeros((1000, 1500, 3), np.uint8), "monet")
    assert str(raised.value).startswith(f"{address}: painter: the request is too large for the server (")
    assert "larger than max (4500" in str(raised.value)
    assert not clock.slept


@pytest.mark.parametrize("labels", [[0, 3], 3])
def test_labels_that_the_server_refuses(connect, labels):
    with pytest.raises(UsageError, match=r"^labels: expected integers in 0 … 2, got 3$"):
        connect().generate(labels=labels)


def test_labels_of_others_that_it_refuses(connect, backend, address):
    client = connect()
    client.metadata()
    backend.script = [refused(7)]
    with pytest.raises(ServerError) as raised:
        client.generate(labels=[0, 2])
    assert str(raised.value) == f"{address}: digits: labels: expected integers from 0 to 2, got 7"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": [-1]}, "labels: expected integers in 0 … the number of classes - 1, got -1"),
        ({"labels": [[1], [1, 2]]}, "labels: expected a plain list of integers, got rows of several lengths"),
        ({"labels": 0, "truncation": True}, "truncation: expected a number in (0, 1], got True"),
    ],
)
def test_what_cannot_be_drawn(connect, backend, arguments, message):
    with pytest.raises(UsageError) as raised:
        connect().generate(**arguments)
    assert str(raised.value) == message
    assert not predictions(backend)


def test_a_closed_client(connect, address):
    client = connect()
    client.metadata()
    client.close()
    for ask in (client.generate, client.metadata, client.ready, lambda: client.domains):
        with pytest.raises(UsageError, match=f"^digits: the client of {address} is closed$"):
            ask()


def test_unknown_model_and_version(connect, address, clock):
    with pytest.raises(ServerError) as raised:
        connect("digit").generate()
    assert str(raised.value) == (
        f"{address}: model 'digit' is not ready: Servable not found for request: Latest(digit) "
        "(check the name, or wait)"
    )
    with pytest.raises(ServerError, match="version 5 of model 'digits' is not ready: "):
        connect(version=5).generate()
    assert not clock.slept


def test_signatures_that_it_lacks(connect):
    with pytest.raises(UsageError) as raised:
        connect("points").translate(np.zeros((8, 8, 3), np.uint8), "monet")
    assert str(raised.value) == "points: has no signature 'translate_to_monet' (it has: generate)"
    with pytest.raises(UsageError, match="painter: has no signature 'generate'"):
        connect("painter").generate()
    with pytest.raises(UsageError, match=r"to: painter cannot make 'money' \(it makes: monet, photo\)"):
        connect("painter").translate(np.zeros((8, 8, 3), np.uint8), "money")
    with pytest.raises(UsageError) as raised:
        connect("painter").translate(np.zeros((8, 8, 3), np.uint8), "nowhere")
    assert str(raised.value) == "to: painter cannot make 'nowhere' (it makes: monet, photo)"
    with pytest.raises(UsageError, match="to: expected one of monet, photo, got none"):
        connect("painter").translate_bytes([b"file"])


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (np.full((8, 8, 3), 2.0), r"images: expected floats in \[0, 1\] or \[-1, 1\], got values from 2 to 2"),
        (np.zeros((8, 8, 3), np.int64), r"images: expected uint8 or floats, got int64 \[8, 8, 3\]"),
        (np.zeros((0, 8, 8, 3), np.uint8), "images: expected at least one, got none"),
        (np.zeros((7, 8, 3), np.uint8), "images: expected 8x8 pixels or more, got 7x8"),
    ],
)
def test_images_of_another_type(connect, backend, pictures, message):
    with pytest.raises(UsageError, match=message):
        connect("painter").translate(pictures, "monet")
    assert not predictions(backend)


def test_images_as_people_have_them(connect, tmp_path):
    grey, colour = np.full((9, 8), 7, np.uint8), np.full((8, 16, 3), 100, np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    client = connect("painter")
    made = client.translate([tmp_path / "grey.png", colour], "monet")
    assert [image.tolist() for image in made] == [np.full((9, 8, 3), 248).tolist(), np.full((8, 16, 3), 155).tolist()]
    assert client.translate(tmp_path / "grey.png", "monet").shape == (9, 8, 3)
    half = client.translate(colour / 255, "monet", longest=16, strength=0.2)
    assert half.tolist() == np.full((8, 16, 3), 111).tolist()  # 100 + 0.2 * 55
    with pytest.raises(UsageError, match=r"longest: expected an integer, got 'auto' \(a server does not"):
        client.translate(colour, "monet", longest="auto")


@pytest.mark.parametrize("files", [[], b"a file", [np.zeros(3)], ["photo.jpg"]])
def test_files_of_another_type(connect, files):
    with pytest.raises(UsageError, match="files: expected a list of the bytes"):
        connect("painter").translate_bytes(files, "monet")


def test_rows_are_counted(connect, backend):
    backend.models["points"].run = lambda name, inputs: {"points": np.zeros((2, 2), np.float32)}
    with pytest.raises(ServerError, match="points: expected 3 rows, got 2"):
        connect("points").generate(3)


IMAGES = {"images": ("uint8", [-1, 2, 3, 1])}
DRAWS = {"seeds": ("int32", [-1, 2]), "truncation": ("float32", [-1])}
LABELLED = {**DRAWS, "labels": ("int32", [-1])}


@pytest.mark.parametrize(
    "signatures",
    [
        {"generate": (DRAWS, {})},
        {"generate": (DRAWS, {**IMAGES, "more": ("uint8", [-1])})},
        *(
            {"generate": (DRAWS, outputs)}
            for outputs in (
                {"images": ("float32", [-1, 2, 3, 1])},
                {"images": ("string", [-1, 2, 3, 1])},
                {"images": ("uint8", [])},
                {"images": ("uint8", [-1, 2, 3, 2])},
                {"images": ("uint8", [-1, 9000, 9000, 3])},
                {"images": ("uint8", [-1, -1, 3, 1])},
                {"points": ("string", [-1, 2])},
                {"points": ("float32", [])},
                {"rows": ("float32", [-1, 2**40])},
            )
        ),
        {"generate": ({**DRAWS, "seeds": ("string", [-1])}, IMAGES)},
        *(
            {"generate": (LABELLED, IMAGES), "decode": (inputs, IMAGES)}
            for inputs in (
                {},
                {"labels": ("int32", [-1])},
                {"latents": ("float32", [-1, 5])},
                {"latents": ("string", [-1, 5]), "labels": ("int32", [-1])},
            )
        ),
        {"generate": (LABELLED, IMAGES), "other\n\x1b[2J": ({}, {})},
    ],
)
def test_signatures_that_are_no_exports(connect, backend, signatures):
    backend.models["digits"].signatures = signatures
    with pytest.raises(UsageError) as raised:
        connect().generate(seed=1)
    assert str(raised.value).isprintable()
    assert str(raised.value).startswith(
        ("digits: expected a model exported by ganzoo, got a '", "digits: has no signature 'decode' (it has: generate")
    )
    assert not predictions(backend)


@pytest.mark.parametrize("shape", [[], [-1], [-1, 2**40]])
def test_latents_of_another_shape(connect, backend, shape):
    latents = {"latents": ("float32", shape), "labels": ("int32", [-1])}
    backend.models["digits"].signatures = {"generate": (LABELLED, IMAGES), "decode": (latents, IMAGES)}
    assert connect().classes == CLASSES, "the stub does not check latents"


def test_more_classes_than_a_model_has(connect, backend):
    def refuse(name, inputs):
        raise RefusalError(400, f"labels: expected integers from 0 to {'9' * 100}, got -1")

    backend.models["digits"].run = refuse
    with pytest.raises(ServerError, match="while asking for the number of classes: give labels"):
        connect().generate()


@pytest.mark.parametrize("signature", ["serving_default", "translate_to_photo"])
@pytest.mark.parametrize(
    "inputs", [{}, {"images": ("uint8", [])}, {"images": ("uint8", [-1, -1, -1, 2])}, {"files": ("string", [-1])}]
)
def test_translations_that_are_no_exports(connect, backend, signature, inputs):
    signatures = {**backend.models["painter"].signatures, signature: (inputs, IMAGES)}
    backend.models["painter"].signatures = signatures
    with pytest.raises(UsageError, match=r"^painter: expected a model exported|^to: painter cannot make 'photo' \(it"):
        connect("painter").translate(np.zeros((8, 8, 3), "B"), None if signature == "serving_default" else "photo")
    assert not predictions(backend)


def test_domains_that_are_paths(connect, backend):
    backend.models["painter"] = Painter(domains=["photo", "../photo", "a/b", "a\nb", ""])
    assert connect("painter").domains == ("photo",)


def test_what_an_export_says_of_its_images(connect):
    assert connect().example() == ("images", (2, 3, 1))
    assert connect("points").example() == ("points", (2,))
    assert connect("painter").channels("monet") == 3


@pytest.mark.parametrize("labels", ["cat", ["cat", 1]])
def test_class_names(connect, labels):
    with pytest.raises(UsageError) as raised:
        connect().generate(labels=labels)
    assert str(raised.value) == (
        "labels: expected integers, got 'cat' (a server does not report class names: give the number of the name's "
        "place, from 0, in dataset.class_names of the export's assets.extra/config.yaml)"
    )
    assert connect().generate(labels=["2"], seed=0).shape == (1, 2, 3, 1)


def test_a_server_that_keeps_its_reasons(connect, backend):
    def refuse(name, inputs):
        raise RefusalError(500, "internal error")

    backend.models["digits"].run = refuse
    with pytest.raises(
        ServerError, match=r"digits: internal error \(while asking for the number of classes: give labels\)$"
    ):
        connect().generate()


def test_a_server_that_does_not_check_labels(connect, backend):
    backend.models["digits"].run = lambda name, inputs: {"images": drawn(np.zeros((1, 2), int), np.float32(1))}
    with pytest.raises(ServerError, match="does not tell the number of classes"):
        connect().generate()
