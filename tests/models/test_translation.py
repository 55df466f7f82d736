"""What models that translate offer: images of any size, each by itself, whole or in tiles, into known domains."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import ganzoo
from ganzoo.core import images
from ganzoo.errors import UsageError
from ganzoo.models import translation
from ganzoo.models.build import build
from ganzoo.models.translation import TranslationModel, Translator

RESNET = {"generator": {"network": "resnet", "width": 4, "blocks": 1}, "discriminator.width": 2}
UNET = {"generator": {"network": "unet", "width": 4, "levels": 3}, "discriminator.width": 2, "dataset.size": 32}


@pytest.fixture(scope="module")
def cyclegan():
    return build(ganzoo.config("cyclegan_digits").override({**RESNET, "training.pool_size": 0}))


@pytest.fixture(scope="module")
def pix2pix():
    return build(ganzoo.config("pix2pix_digits").override(UNET))


@pytest.fixture(params=["cyclegan", "pix2pix"])
def model(request):
    return request.getfixturevalue(request.param)


def pictures(n, height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 1), dtype=np.uint8)


def bare(model, batch, to):
    """The generator alone, without what surrounds it."""
    return images.to_uint8(model.averages[f"generator_{to}"](images.to_float(batch), training=False)).numpy()


class Local(TranslationModel):
    """Translates by a convolution of 1x1, which looks at single pixels, where the real ones look around."""

    def __init__(self, weight, stride):
        import keras

        given = keras.Input((None, None, 1))
        network = keras.Model(given, keras.layers.Conv2D(1, 1, use_bias=False)(given))
        network.set_weights([np.full((1, 1, 1, 1), weight, np.float32)])
        network.stride = stride
        super().__init__(["a", "b"], {"b": network}, {})


def test_each_image_is_translated_by_itself(model):
    batch = pictures(5, 30, 30)
    whole = model.translate(batch)
    alone = np.stack([model.translate(image) for image in batch])
    assert np.abs(whole.astype(int) - alone).max() <= 1, "rounding, where sums run in another order"
    assert (whole != alone).mean() < 0.01
    other = model.translate(np.concatenate([batch[:1], pictures(4, 30, 30, seed=9)]))
    assert np.array_equal(other[0], whole[0])


@pytest.mark.parametrize("shape", [(31, 45), (8, 8), (9, 40), (64, 33)])
def test_any_size_is_kept(model, shape):
    made = model.translate(pictures(2, *shape))
    assert made.shape == (2, *shape, 1)
    assert made.dtype == np.uint8
    assert model.translate(pictures(1, *shape)[0]).shape == (*shape, 1)


def test_sizes_that_divide_are_the_bare_generator(model):
    for to, translator in model.translators.items():
        batch = pictures(2, 48, 32)
        assert np.array_equal(model.translate(batch, to), translator.run(batch).numpy())
        assert np.abs(model.translate(batch, to).astype(int) - bare(model, batch, to)).max() <= 1


def test_others_are_mirrored_at_their_far_ends(model):
    batch = pictures(1, 31, 45)
    mirrored = np.pad(batch, [(0, 0), (0, 1), (0, 3), (0, 0)], mode="reflect")  # 32x48
    wanted = bare(model, mirrored, model.check_domain(None))[:, :31, :45]
    assert np.abs(model.translate(batch).astype(int) - wanted).max() <= 1


def test_dropout_is_off_and_the_model_is_floats_in_floats_out():
    import keras

    given = keras.Input((None, None, 1))
    network = keras.Model(given, keras.layers.Dropout(0.5)(given))
    network.stride = 2
    model = TranslationModel(["a", "b"], {"a": network}, {}, name="plain")
    batch = pictures(2, 9, 11)
    assert np.array_equal(model.translate(batch), batch)
    floats = images.to_float(batch)
    assert np.array_equal(model(floats), floats)
    assert np.array_equal(model(tf.constant(batch)), floats)
    assert np.array_equal(model(floats, training=True), floats), "there is no training mode"
    assert (model.domains, model.other("a"), model.other("b")) == (("a", "b"), "b", "a")
    assert [model.direction(role) for role in ("generator_a", "discriminator_b")] == ["b to a", "b: real or not"]


def test_a_trace_in_advance_with_the_signature_of_exports():
    model = Local(-0.5, 4)
    model.trace()
    run = model.translators["b"].run
    assert run.experimental_get_tracing_count() == 1
    model.translate(pictures(1, 9, 8))
    assert run.experimental_get_tracing_count() == 1
    assert run.input_signature == (tf.TensorSpec([None, None, None, 1], tf.uint8, "images"),)


def test_what_is_exported_and_shipped(cyclegan, pix2pix):
    for model in (cyclegan, pix2pix):
        exported = model.exported()
        assert list(exported) == [f"translate_to_{domain}" for domain in model.translators]
        for domain, translator in model.translators.items():
            one = exported[f"translate_to_{domain}"]
            assert one.run is translator.run
            assert (one.classes, one.smallest_side, one.output) == (0, 8, "images")
            assert one.variables == model.averages[f"generator_{domain}"].variables
        assert {name.split("/")[0] for name in model.weights_to_ship()} == set(model.averages)
    other = dict(zip(cyclegan.averages, reversed(cyclegan.averages.values()), strict=True))
    swapped = cyclegan.exported(other)
    batch = pictures(1, 28, 28)
    assert np.array_equal(swapped["translate_to_bold"].run(batch), cyclegan.translate(batch, "plain"))
    assert swapped["translate_to_bold"].variables == cyclegan.averages["generator_plain"].variables


def test_mirroring_by_hand():
    row = tf.constant([[[[1], [2], [3], [4]]]], tf.uint8)  # 1 x 4 pixels
    assert translation._mirrored_up_to(row, 4, 2).numpy().ravel().tolist() == [1, 2, 3, 4]
    assert translation._mirrored_up_to(row, 6, 2).numpy().ravel().tolist() == [1, 2, 3, 4, 3, 2]
    # again and again, where the stride is many times the side
    assert translation._mirrored_up_to(row, 11, 2).numpy().ravel().tolist() == [1, 2, 3, 4, 3, 2, 1, 2, 3, 4, 3]
    column = tf.reshape(row, [1, 4, 1, 1])
    assert translation._mirrored_up_to(column, 3, 1).numpy().ravel().tolist() == [1, 2, 3, 4, 3, 2]


def test_many_images_go_in_parts(monkeypatch, cyclegan):
    batch = pictures(7, 16, 16)
    whole = cyclegan.translate(batch)
    monkeypatch.setattr(translation, "PIXELS_A_CALL", 3 * 16 * 16)
    assert np.abs(cyclegan.translate(batch).astype(int) - whole).max() <= 1


@pytest.mark.parametrize("stride", [1, 4, 64])
def test_tiles_do_not_change_what_is_local(stride):
    model = Local(-0.5, stride)
    batch = pictures(2, 75, 110)
    whole = model.translate(batch)
    assert np.array_equal(model.translate(batch, tile=32), whole)
    # -0.5 (x / 127.5 - 1), as a pixel; halves go to the even one
    assert np.array_equal(whole, np.rint(191.25 - batch / 2).astype(np.uint8))


def test_a_tile_larger_than_the_image_is_no_tile(model):
    image = pictures(1, 31, 45)[0]
    assert np.array_equal(model.translate(image, tile=64), model.translate(image))


def test_tiles_of_a_model_that_looks_around_keep_the_size(model):
    assert model.translate(pictures(1, 70, 45), tile=32).shape == (1, 70, 45, 1)
    with pytest.raises(UsageError, match="tile: expected 32 pixels or more, got 16"):
        model.translate(pictures(1, 70, 45), tile=16)


def test_domains_of_a_cyclegan(cyclegan):
    assert cyclegan.check_domain(None) == "plain"
    assert cyclegan.check_domain("bold") == "bold"
    batch = pictures(1, 28, 28)
    assert np.array_equal(cyclegan.translate(batch), cyclegan.translate(batch, "plain"))
    assert not np.array_equal(cyclegan.translate(batch, "bold"), cyclegan.translate(batch, "plain"))
    with pytest.raises(UsageError, match=r"cyclegan_digits cannot make 'blod' \(it makes: plain, bold\)"):
        cyclegan.translate(batch, "blod")


def test_pix2pix_makes_its_second_domain_alone(pix2pix):
    assert list(pix2pix.translators) == ["digits"]
    assert pix2pix.check_domain(None) == "digits"
    with pytest.raises(UsageError, match=r"cannot make 'edges'.*\(it makes: digits\)"):
        pix2pix.translate(pictures(1, 32, 32), "edges")


def test_images_as_people_have_them(tmp_path):
    model = Local(-0.5, 4)  # makes 191.25 - x / 2 of a pixel x
    first, second = pictures(2, 12, 20)[..., 0]
    Image.fromarray(first).save(tmp_path / "first.png")
    wanted = model.translate(first[..., np.newaxis])
    assert wanted.shape == (12, 20, 1)
    for given in (tmp_path / "first.png", str(tmp_path / "first.png"), Image.fromarray(first), first, first / 255.0):
        assert np.array_equal(model.translate(given), wanted)
    assert np.array_equal(model.translate(first / 127.5 - 1.0), wanted)
    together = model.translate([first, tmp_path / "first.png", Image.fromarray(second)])
    assert np.array_equal(together, np.stack([wanted, wanted, model.translate(second)]))


def test_a_list_of_several_sizes_gives_a_list(cyclegan):
    given = [*pictures(2, 12, 20), *pictures(1, 9, 8), *pictures(1, 12, 20, seed=3)]
    made = cyclegan.translate(given)
    assert isinstance(made, list)
    for image, one in zip(given, made, strict=True):
        assert np.abs(cyclegan.translate(image).astype(int) - one).max() <= 1


def test_longest_shrinks_before_translating(cyclegan):
    (image,) = pictures(1, 60, 90)
    small = cyclegan.translate(image, longest=45)
    assert small.shape == (30, 45, 1)
    assert np.array_equal(small, cyclegan.translate(images.shrink(image, 45)))
    assert np.array_equal(cyclegan.translate(image, longest="auto"), cyclegan.translate(image, longest=28))
    assert cyclegan.translate(image, longest=100).shape == (60, 90, 1)
    with pytest.raises(UsageError, match=r"^longest: local.* has no config with its training size"):
        Local(1.0, 4).translate(image, longest="auto")


def test_strength_blends_with_the_image():
    model, image = Local(-0.5, 4), np.full((8, 8, 1), 51, np.uint8)
    made = {strength: model.translate(image, strength=strength) for strength in (0, 0.25, 1.0)}
    assert {strength: np.unique(pixels).tolist() for strength, pixels in made.items()} == {
        0: [51],
        0.25: [80],
        1.0: [166],
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            np.full((1, 32, 32, 1), 9.5, np.float32),
            r"images: expected floats in \[0, 1\] or \[-1, 1\], got values from 9",
        ),
        (np.zeros((7, 32, 1), np.uint8), "images: expected 8x8 pixels or more, got 7x32"),
        ([], "images: expected at least one, got none"),
    ],
)
def test_wrong_images(cyclegan, given, message):
    with pytest.raises(UsageError, match=message):
        cyclegan.translate(given)


def test_averages_translate_and_not_what_is_trained():
    model = build(ganzoo.config("cyclegan_digits").override({**RESNET, "training.pool_size": 0}))
    batch = pictures(1, 28, 28)
    before = model.translate(batch)
    for variable in model.generators["plain"].variables:
        variable.assign(variable + 1.0)
    assert np.array_equal(model.translate(batch), before)
    model.averages["generator_plain"].set_weights(model.generators["plain"].get_weights())
    assert not np.array_equal(model.translate(batch), before)


def test_one_trace_serves_all_sizes(cyclegan):
    translator = cyclegan.translators["plain"]
    assert isinstance(translator, Translator)
    for shape in [(1, 8, 8), (3, 20, 31)]:
        cyclegan.translate(pictures(*shape))
    assert translator.run.experimental_get_tracing_count() == 1


def test_keras_s_own_export_names_the_way_out(cyclegan):
    with pytest.raises(UsageError, match=r"^cyclegan_digits: is exported by ganzoo\.export\(model, DIRECTORY\)$"):
        cyclegan.export("there")
