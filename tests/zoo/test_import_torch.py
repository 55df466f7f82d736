"""Generators from PyTorch: the same pictures, whatever their layers are called, and clear words for all others."""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import ganzoo
from ganzoo.errors import UsageError, WeightsError
from ganzoo.zoo import import_torch as importing
from ganzoo.zoo.import_torch import import_generator, read_generator

WIDTH, BLOCKS, CHANNELS = 4, 2, 3


def original(width=WIDTH, blocks=BLOCKS, affine=True, second=5):
    """The names and shapes of pytorch-CycleGAN-and-pix2pix, with biases, filled with noise."""
    deep = 4 * width
    shapes = {}

    def layer(name, to, of, side, norm=None, transposed=False):
        shapes[f"{name}.weight"] = (of, to, side, side) if transposed else (to, of, side, side)
        shapes[f"{name}.bias"] = (to,)
        if norm and affine:
            shapes[f"{norm}.weight"] = shapes[f"{norm}.bias"] = (to,)

    layer("model.1", width, CHANNELS, 7, "model.2")
    layer("model.4", 2 * width, width, 3, "model.5")
    layer("model.7", deep, 2 * width, 3, "model.8")
    for i, place in itertools.product(range(10, 10 + blocks), (1, second)):
        layer(f"model.{i}.conv_block.{place}", deep, deep, 3, f"model.{i}.conv_block.{place + 1}")
    layer(f"model.{10 + blocks}", 2 * width, deep, 3, f"model.{11 + blocks}", transposed=True)
    layer(f"model.{13 + blocks}", width, 2 * width, 3, f"model.{14 + blocks}", transposed=True)
    layer(f"model.{17 + blocks}", CHANNELS, width, 7)
    random = np.random.default_rng(0)
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture
def read(monkeypatch, tmp_path):
    """What a file with these tensors is read as."""

    def read(state, norm=None):
        monkeypatch.setattr(importing, "read_state_dict", lambda path, key: state)
        (tmp_path / "g.pth").write_bytes(bytes(sum(array.nbytes for array in state.values())))
        return read_generator(tmp_path / "g.pth", norm=norm)

    return read


def same(one, other):
    assert (one.channels, one.width, one.blocks) == (other.channels, other.width, other.blocks)
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, other.arrays[name], err_msg=name)


def test_layers_and_layouts(read):
    state = original()
    generator = read(state)
    assert (generator.channels, generator.width, generator.blocks) == (3, 4, 2)
    arrays = generator.arrays
    # 7x7 twice, down and up between 4, 8 and 16, two blocks of two; 3 biases, two for each normalised channel
    convolutions = 2 * 49 * 3 * 4 + 2 * 9 * (4 * 8 + 8 * 16) + 4 * 9 * 16 * 16
    assert generator.parameters == convolutions + 3 + 2 * (4 + 8 + 16 + 4 * 16 + 8 + 4)
    assert arrays["start/kernel"].shape == (7, 7, 3, 4)
    assert arrays["start/kernel"][6, 2, 1, 3] == state["model.1.weight"][3, 1, 6, 2]
    assert arrays["up1/kernel"].shape == (3, 3, 8, 16)  # Keras has [height, width, to, from]
    assert arrays["up1/kernel"][2, 0, 5, 11] == state["model.12.weight"][11, 5, 2, 0]
    np.testing.assert_array_equal(arrays["block2_conv1_norm/gamma"], state["model.11.conv_block.2.weight"])
    np.testing.assert_array_equal(arrays["block2_conv2_norm/beta"], state["model.11.conv_block.6.bias"])
    np.testing.assert_array_equal(arrays["end/bias"], state["model.19.bias"])


def test_names_of_forks(read):
    state = original()
    expected = read(state)
    same(read({f"module.{name}": array for name, array in state.items()}), expected)
    same(read({name.replace("conv_block", "block"): array for name, array in state.items()}), expected)
    same(read(dict(zip(original(second=6), state.values(), strict=True))), expected)  # dropout in between
    words = {"1": "initial.0", "2": "initial.1", "4": "down.0.conv.0", "5": "down.0.conv.1", "19": "last"}
    renamed = {".".join([words.get(n.split(".")[1], n.split(".")[1]), *n.split(".")[2:]]): n for n in state}
    same(read({name: state[old] for name, old in renamed.items()}), expected)


def test_numbers_tell_where_images_are_padded(read):
    state = original()
    assert read(state).padding_known
    assert read({f"net_A2B.{name}": array for name, array in state.items()}).padding_known
    assert read(dict(zip(original(second=6), state.values(), strict=True))).padding_known  # with dropout
    for other in ("model.3.", "model.4.conv.0."):
        assert not read({name.replace("model.4.", other): array for name, array in state.items()}).padding_known


def test_names_sorted_by_letters(read):
    state = original(blocks=12)
    assert sorted(state)[:2] == ["model.1.bias", "model.1.weight"]
    assert sorted(state)[2].startswith("model.10.")
    same(read({name: state[name] for name in sorted(state)}), read(state))


def test_without_scales_and_with_the_running_statistics_of_old(read):
    state = original(affine=False)
    statistics = {f"model.2.{leaf}": np.ones(WIDTH, np.float32) for leaf in importing.RUNNING}
    arrays = read({**state, **statistics}).arrays
    same(read(state), read({**state, **statistics}))
    np.testing.assert_array_equal(arrays["up2_norm/gamma"], np.ones(WIDTH))
    np.testing.assert_array_equal(arrays["up2_norm/beta"], np.zeros(WIDTH))
    assert arrays.keys() == read(original()).arrays.keys()


def without_biases(state):
    last = max(name for name in state if name.endswith("bias") and "conv_block" not in name and name[6:8].isdigit())
    return {name: array for name, array in state.items() if not name.endswith("bias") or name == last}


def renamed(state):
    return {name.replace("model.4.", "model.3."): array for name, array in state.items()}


def test_the_original_without_scales_and_biases_was_trained_without_normalisation(read):
    state = without_biases(original(affine=False))
    generator = read(state)
    assert (generator.normalization, generator.normalization_known) == ("none", True)
    assert not any("_norm/" in name for name in generator.arrays)
    assert not generator.arrays["down1/bias"].any()
    assert generator.arrays["up2/bias"].shape == (WIDTH,)
    np.testing.assert_array_equal(generator.arrays["end/bias"], state["model.19.bias"])
    np.testing.assert_array_equal(generator.arrays["end/kernel"][..., 0, 0], state["model.19.weight"][0, 0])
    for affine in (False, True):
        generator = read(original(affine=affine))
        assert (generator.normalization, generator.normalization_known) == ("instance", affine)


def test_the_normalization_can_be_told_where_a_file_does_not_tell_it(read):
    state = renamed(without_biases(original(affine=False)))
    doubtful = read(state)
    assert (doubtful.normalization, doubtful.normalization_known) == ("instance", False)
    assert read(state, "instance").normalization_known
    assert read(state, "none").normalization == "none"
    biased = original(affine=False)
    generator = read(renamed(biased), "none")
    np.testing.assert_array_equal(generator.arrays["down1/bias"], biased["model.4.bias"])
    with pytest.raises(WeightsError, match=r"norm: expected instance, got none, but the file has scales"):
        read(original(), "none")


def test_half_precision_becomes_single(read):
    state = {name: array.astype(np.float16) for name, array in original().items()}
    assert {array.dtype for array in read(state).arrays.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.full(3, np.nan, np.float32), "expected finite numbers, got NaN or infinity"),
        (np.full(3, 1e300), "expected finite numbers, got NaN or infinity"),
        (np.ones(3, np.int8), "expected floats, got int8"),
        (np.ones(3, bool), "expected floats, got bool"),
    ],
)
def test_values_that_are_no_weights_are_refused(value, message, read):
    with pytest.raises(WeightsError, match=rf"g\.pth: end/bias: {message}"):
        read({**original(), "model.19.bias": value})


def test_several_networks_in_one_file(tmp_path):
    judge = {f"{i}.weight": np.ones((8, 3 if i == 0 else 8, 4, 4), np.float32) for i in range(5)}
    parts = {"G_A": original(), "G_B": original(), "D_A": judge, "mean": {"x": np.ones(3, np.float32)}}
    flat = {f"{part}.{name}": array for part, state in parts.items() for name, array in state.items()}
    save_file(flat, tmp_path / "g.safetensors")
    several = r"; it holds several networks, so give the key of one: D_A, G_A, G_B$"
    with pytest.raises(WeightsError, match=r"not a ResNet generator of [^;]+.*" + several):
        read_generator(tmp_path / "g.safetensors")
    assert read_generator(tmp_path / "g.safetensors", key="G_A").blocks == BLOCKS


def changed(**changes):
    """The original with some tensors of other shapes, or without them."""
    state = original()
    for name, shape in changes.items():
        state.pop(name) if shape is None else state.update({name: np.zeros(shape, np.float32)})
    return state


PREFIX = "g.pth: not a ResNet generator of width 4 with 2 blocks: "
UP4 = {"model.12.weight": (16, 8, 4, 4), "model.15.weight": (8, 4, 4, 4)}
ALL = {f"conv{i}.weight": (8, 3 + i, 5, 5) for i in range(5)}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            changed(**UP4),
            PREFIX + "model.12.weight: expected [16, 8, 3, 3] for up1/kernel, got [16, 8, 4, 4]; "
            "model.15.weight: expected [8, 4, 3, 3] for up2/kernel, got [8, 4, 4, 4]",
        ),
        (changed(**{"model.19.bias": None}), PREFIX + "[3] for end/bias is missing"),
        (changed(**{"model.20.weight": (5,)}), PREFIX + "model.20.weight [5] is unexpected"),
        (
            {name: np.zeros(shape, np.float32) for name, shape in ALL.items()},
            "g.pth: not a ResNet generator of width 8 with 1 blocks: conv0.weight: expected [8, 3, 7, 7] for "
            "start/kernel, got [8, 3, 5, 5]; conv1.weight: expected [16, 8, 3, 3] for down1/kernel, got [8, 4, 5, 5]; "
            "conv2.weight: expected [32, 16, 3, 3] for down2/kernel, got [8, 5, 5, 5]; and 6 more",
        ),
        (
            changed(**{"model.2.running_mean": (4,)}),
            "g.pth: model.2.running_mean: expected instance normalisation, got batch normalisation",
        ),
        (
            {name.replace("block.1.", "block.0."): array for name, array in original().items()},
            "g.pth: model.10.conv_block.0.weight: expected blocks with reflection padding, got zero padding",
        ),
        (
            {"model.0.weight": np.zeros((8, 3, 4, 4)), "model.2.weight": np.zeros((1, 8, 4, 4))},
            "g.pth: expected a generator, got a discriminator (give, for example, latest_net_G_A.pth)",
        ),
        ({"fc.weight": np.zeros((3, 3))}, "g.pth: expected an image generator, got a network without convolutions"),
    ],
)
def test_another_network(state, message, read):
    with pytest.raises(WeightsError) as caught:
        read(state)
    assert str(caught.value).endswith(message)
    assert "\n" not in str(caught.value)


def test_tensors_larger_than_their_file(monkeypatch, tmp_path):
    monkeypatch.setattr(importing, "read_state_dict", lambda path, key: original())
    (tmp_path / "g.pth").write_bytes(b"small")
    with pytest.raises(WeightsError, match=r"g.pth: declares larger tensors than the file holds \(it is damaged\)$"):
        read_generator(tmp_path / "g.pth")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "no such weights file"),
        (b"\x89PNG\r\n", "cannot be read as a PyTorch state dict"),
        (b"cos\nsystem\n(S'echo'\ntR.", "it asks for os.system, which is not part of a tensor"),
    ],
)
def test_no_such_file_or_none_of_pytorch_s(data, message, tmp_path):
    if data:
        (tmp_path / "g.pth").write_bytes(data)
    with pytest.raises(WeightsError, match=message) as caught:
        import_generator(tmp_path / "g.pth", tmp_path / "out", domains=["a", "b"], to="b")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("domains", "to", "message"),
    [
        (["photo"], "photo", "domains: expected two different names, got photo"),
        (["photo", "photo"], "photo", "domains: expected two different names, got photo,photo"),
        (["photo", "monet"], "money", "to: expected one of the domains, got 'money' (did you mean 'monet'?)"),
    ],
)
def test_wrong_domains(domains, to, message, tmp_path):
    with pytest.raises(UsageError) as caught:
        import_generator(tmp_path / "g.pth", tmp_path / "out", domains=domains, to=to)
    assert str(caught.value) == message


@pytest.mark.parametrize("size", [28, 130])
def test_a_size_that_could_not_be_loaded(size, tmp_path):
    with pytest.raises(UsageError, match=f"^size: expected a multiple of 4 of at least 32, got {size}$"):
        import_generator(tmp_path / "g.pth", tmp_path / "out", domains=["a", "b"], to="b", size=size)


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "config.yaml").write_text("mine")
    for place in (tmp_path, tmp_path / "config.yaml"):
        with pytest.raises(UsageError, match="expected a new or empty folder"):
            import_generator(tmp_path / "g.pth", place, domains=["a", "b"], to="b")


def imported(network, folder, **options):
    """The model that a PyTorch network becomes, by way of a file."""
    import torch

    torch.save(network.state_dict(), folder / "latest_net_G_A.pth", **options)
    import_generator(folder / "latest_net_G_A.pth", folder / "model", domains=["photo", "monet"], to="monet", size=64)
    return ganzoo.load(folder / "model")


def compare(network, model, to, size):
    """How far two generators' pictures of noise are from each other, at the most."""
    import torch

    noise = np.random.default_rng(0).uniform(-1.0, 1.0, (1, *size, 3)).astype(np.float32)
    with torch.no_grad():
        theirs = network.eval()(torch.from_numpy(noise.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)
    assert theirs.std() > 0.1
    return np.abs(model.generators[to](noise).numpy() - theirs).max()


def torch_network(affine, dropout=False):
    """As pytorch-CycleGAN-and-pix2pix builds it, with random scales and offsets."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            start = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), norm(width), nn.ReLU()]
            end = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), norm(width)]
            self.conv_block = nn.Sequential(*start, *[nn.Dropout(0.5)] * dropout, *end)

        def forward(self, x):
            return x + self.conv_block(x)

    def norm(width):
        return nn.InstanceNorm2d(width, affine=affine)

    def up(of, to):
        return [nn.ConvTranspose2d(of, to, 3, 2, padding=1, output_padding=1), norm(to), nn.ReLU()]

    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, WIDTH, 7), norm(WIDTH), nn.ReLU()]
    for width in (WIDTH, 2 * WIDTH):
        layers += [nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), norm(2 * width), nn.ReLU()]
    layers += [Block(4 * WIDTH) for _ in range(BLOCKS)] + up(4 * WIDTH, 2 * WIDTH) + up(2 * WIDTH, WIDTH)
    network = nn.Sequential()
    network.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(WIDTH, 3, 7), nn.Tanh())
    for parameter in network.parameters():
        nn.init.normal_(parameter, 0.0, 0.1 if parameter.ndim > 1 else 1.0)
    return network


@pytest.mark.parametrize(
    ("affine", "dropout", "options"),
    [(True, False, {}), (False, True, {"_use_new_zipfile_serialization": False})],
)
def test_the_same_pictures_as_in_pytorch(affine, dropout, options, tmp_path):
    network = torch_network(affine, dropout)
    model = imported(network, tmp_path, **options)
    assert model.name == "latest_net_g_a"
    assert model.domains == ("photo", "monet")
    assert compare(network, model, "monet", (20, 36)) < 1e-4
    picture = np.random.default_rng(1).integers(0, 256, (21, 34, 3), dtype=np.uint8)
    assert model.translate(picture, to="monet").shape == picture.shape


@pytest.mark.slow
def test_a_generator_that_strangers_trained(tmp_path):
    """vintagify 0.1.2 (MIT) carries one of 9 blocks, which learned to make photographs look old."""
    torch = pytest.importorskip("torch")
    package = importlib.util.find_spec("vintagify")
    if package is None:
        pytest.skip("vintagify is not installed (pip install --no-deps vintagify==0.1.2)")
    folder = Path(package.submodule_search_locations[0])
    file = folder / "resources" / "G_A2B_epoch33.pth"
    spec = importlib.util.spec_from_file_location("vintagify_generator", folder / "generator.py")
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    network = theirs.ResnetGenerator()
    network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    config, generator = import_generator(
        file, tmp_path / "model", domains=["modern", "vintage"], to="vintage", size=512
    )
    assert (config.name, generator.width, generator.blocks) == ("g_a2b_epoch33", 64, 9)
    biases_without_effect = 64 + 128 + 256 + 18 * 256 + 128 + 64
    assert generator.parameters == 11_388_675 - biases_without_effect
    assert compare(network, ganzoo.load(tmp_path / "model"), "vintage", (128, 96)) < 1e-4
