"""PyTorch's files without PyTorch: the same arrays, and no code of theirs is run."""

import io
import json
import os
import pickle
import time
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from safetensors.numpy import save_file

from ganzoo.core.torch_file import _MAGIC, read_state_dict
from ganzoo.errors import WeightsError

STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ"


VALUES = np.arange(6, dtype="<f4").tobytes()


def old(state: bytes, little_endian: bool = True) -> bytes:
    """A file of the older format around a pickled state dict with one storage, `0`, of six floats."""
    parts = [_MAGIC, 1001, {"protocol_version": 1001, "little_endian": little_endian}]
    start = b"".join(pickle.dumps(part, 2) for part in parts)
    return start + state + pickle.dumps(["0"], 2) + (6).to_bytes(8, "little") + VALUES


def zipped(state: bytes, **options) -> bytes:
    """The same in the newer format."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        archive.writestr("w/data.pkl", state)
        archive.writestr("w/data/0", VALUES)
    return buffer.getvalue()


def tensor(offset=0, shape=(2, 3), strides=(3, 1), storage=STORAGE) -> bytes:
    """A pickled `{'a': tensor}` by hand, as torch.save writes it."""
    numbers = _number(offset) + _tuple(shape) + _tuple(strides)
    start = b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n("
    return start + storage + numbers + b"\x89ccollections\nOrderedDict\n)RtRs."


def _number(number: int) -> bytes:
    return pickle.dumps(number, 2)[2:-1]  # without PROTO and STOP


def _text(text: str) -> bytes:
    return b"X" + len(text).to_bytes(4, "little") + text.encode()


def _tuple(numbers: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(_number, numbers)) + b"t"


@pytest.fixture
def read(tmp_path):
    def read(data: bytes) -> dict[str, np.ndarray]:
        (tmp_path / "w.pth").write_bytes(data)
        return read_state_dict(tmp_path / "w.pth")

    return read


@pytest.mark.parametrize("new", [True, False])
def test_what_torch_saves_is_read(tmp_path, new):
    torch = pytest.importorskip("torch")
    base = torch.arange(24, dtype=torch.float32)
    state = OrderedDict(
        {
            "plain": torch.randn(2, 3),
            "transposed": base.view(4, 6).T,
            "part": base[5:17:3],
            "shared": base.view(2, 3, 4)[:, 1:, ::2],
            "expanded": torch.tensor([1.5, 2.5])[:, None].expand(2, 4),
            "scalar": torch.tensor(7),
            "empty": torch.zeros(0, 3),
            "double": torch.randn(3, dtype=torch.float64),
            "half": torch.randn(3).half(),
            "int32": torch.tensor([-1, 2], dtype=torch.int32),
            "int16": torch.tensor([-1, 2], dtype=torch.int16),
            "int8": torch.tensor([-1, 2], dtype=torch.int8),
            "uint8": torch.tensor([200, 2], dtype=torch.uint8),
            "bool": torch.tensor([True, False]),
            "parameter": torch.nn.Parameter(torch.randn(2, 3)),
        }
    )
    torch.save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=new)
    arrays = read_state_dict(tmp_path / "w.pth")
    assert list(arrays) == list(state)
    for name, expected in state.items():
        np.testing.assert_array_equal(arrays[name], expected.detach().numpy(), strict=True)
        assert not arrays[name].flags.writeable
    assert np.shares_memory(arrays["transposed"], arrays["part"])


@pytest.mark.parametrize("new", [True, False])
def test_the_state_dict_of_a_network_with_its_metadata_is_read(tmp_path, new):
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    torch.save(network.state_dict(), tmp_path / "w.pth", _use_new_zipfile_serialization=new)
    arrays = read_state_dict(tmp_path / "w.pth")
    assert {name: list(array.shape) for name, array in arrays.items()} == {
        "0.weight": [4, 3, 3, 3],
        "0.bias": [4],
        **{f"1.{name}": [4] for name in ("weight", "bias", "running_mean", "running_var")},
        "1.num_batches_tracked": [],
    }
    np.testing.assert_array_equal(arrays["0.weight"], network[0].weight.detach().numpy())


@pytest.mark.parametrize("new", [True, False])
def test_bfloat16_is_read(tmp_path, new):
    torch = pytest.importorskip("torch")
    state = {"a": torch.tensor([[1.5, -2.0, 3.0]], dtype=torch.bfloat16).T}
    torch.save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=new)
    array = read_state_dict(tmp_path / "w.pth")["a"]
    assert array.dtype == "bfloat16"
    np.testing.assert_array_equal(array.astype(np.float32), [[1.5], [-2.0], [3.0]])


def test_safetensors_are_read(tmp_path):
    about = {"a": ("BF16", [2], [0, 4]), "b": ("F32", [1, 1], [4, 8])}
    header = json.dumps({k: dict(zip(("dtype", "shape", "data_offsets"), v, strict=True)) for k, v in about.items()})
    data = np.array([0x3FC0, 0xC000], "<u2").tobytes() + np.array([7], "<f4").tobytes()
    file = tmp_path / "w.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header.encode() + data)
    arrays = read_state_dict(file)
    np.testing.assert_array_equal(arrays["a"].astype(np.float32), [1.5, -2.0])
    np.testing.assert_array_equal(arrays["b"], np.float32([[7]]), strict=True)
    with pytest.raises(WeightsError, match=r"\('G_A' is not a dictionary of tensors\)$"):
        read_state_dict(file, "G_A")
    for damaged in (b"", file.read_bytes()[:-1], file.read_bytes().replace(b"BF16", b"F8_X")):
        file.write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"^[^\n]*w\.safetensors: cannot be read as [^\n]+$"):
            read_state_dict(file)


def nested(**parts: bytes) -> bytes:
    """A pickled dictionary of pickles, by hand."""
    named = [_text(key) + value for key, value in parts.items()]
    return b"\x80\x02}(" + b"".join(named) + b"u."


def inner(state: bytes) -> bytes:
    return state[2:-1]  # without PROTO and STOP


@pytest.mark.parametrize("wrap", [old, zipped])
def test_a_nested_checkpoint_is_read_by_key_and_its_keys_are_listed(tmp_path, read, wrap):
    models = inner(nested(G_A=inner(tensor()), G_B=inner(tensor(1, (2,), (1,)))))
    data = wrap(nested(epoch=_number(5), models=models, state_dict=inner(tensor(2, (1,), (1,)))))
    listed = r"give the key of one: state_dict, models\.G_A, models\.G_B\)$"
    with pytest.raises(WeightsError, match=r"\(it is not a dictionary of tensors; " + listed):
        read(data)
    for key in ("G_A", "models", "models.G_A.a", "epoch", "", "models..G_A"):
        with pytest.raises(WeightsError, match=rf"\('{key}' is not a dictionary of tensors; " + listed):
            read_state_dict(tmp_path / "w.pth", key)
    assert read_state_dict(tmp_path / "w.pth", "models.G_B")["a"].tolist() == [1, 2]
    assert read_state_dict(tmp_path / "w.pth", "state_dict")["a"].tolist() == [2]


@pytest.mark.parametrize("wrap", [old, zipped])
def test_the_end_of_a_key_is_a_prefix_of_names(tmp_path, read, wrap):
    names = {"G_A.model.1.weight": (), "G_A.model.1.bias": (1, (2,), (1,)), "D_A.0.weight": (2, (1,), (1,))}
    flat = nested(**{name: inner(tensor(*about))[len(b"}X\x01\x00\x00\x00a") : -1] for name, about in names.items()})
    data = wrap(nested(epoch=_number(5), state_dict=inner(flat)))
    listed = r"give the key of one: state_dict, state_dict\.D_A, state_dict\.G_A\)$"
    with pytest.raises(WeightsError, match=listed):
        read(data)
    for key in ("G_A", "state_dict.G", "state_dict.G_B", "state_dict."):
        with pytest.raises(WeightsError, match=listed):
            read_state_dict(tmp_path / "w.pth", key)
    arrays = read_state_dict(tmp_path / "w.pth", "state_dict.G_A")
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "model.1.weight": [[0, 1, 2], [3, 4, 5]],
        "model.1.bias": [1, 2],
    }
    assert list(read_state_dict(tmp_path / "w.pth", "state_dict.G_A.model")) == ["1.weight", "1.bias"]


def test_prefixes_of_flat_safetensors(tmp_path):
    save_file({f"net.{name}": np.ones(1, np.float32) for name in ("G_A.1.w", "D_A.1.w")}, tmp_path / "w.safetensors")
    assert list(read_state_dict(tmp_path / "w.safetensors", "net.G_A")) == ["1.w"]
    with pytest.raises(WeightsError, match=r"give the key of one: net\.D_A, net\.G_A\)$"):
        read_state_dict(tmp_path / "w.safetensors", "G_A")


def test_a_nested_checkpoint_of_torch_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    network = torch.nn.Linear(2, 3)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    whole = {"state_dict": network.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "loss": 0.5}
    torch.save(whole, tmp_path / "w.pth")
    arrays = read_state_dict(tmp_path / "w.pth", "state_dict")
    np.testing.assert_array_equal(arrays["weight"], network.weight.detach().numpy())
    with pytest.raises(WeightsError, match="give the key of one: state_dict"):
        read_state_dict(tmp_path / "w.pth")


HASHED = b"K\x01" + b"q\x01h\x01\x86" * 40  # tuples of twice the same, 40 deep: 2**40 hashes
BUFFER = b"\x96" + (3 << 30).to_bytes(8, "little")  # BYTEARRAY8 of 3 GiB


@pytest.mark.parametrize("wrap", [old, zipped])
@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (b"\x80\x02}" + HASHED + b"K\x01s.", "keys other than"),
        (b"\x80\x02}(" + HASHED + b"K\x01u.", "keys other than"),
        (b"\x80\x02(" + HASHED + b"K\x01d.", "keys other than"),
        (b"\x80\x02ccollections\nOrderedDict\n]" + HASHED + b"K\x01\x86a\x85R.", "keys other than"),
        (b"\x80\x04\x8f(" + HASHED + b"\x90.", "an instruction that no state dict needs"),  # a set
        (b"\x80\x02" + HASHED + b".", "not a dictionary"),
        (b"\x80\x05" + BUFFER + b".", "an instruction that no state dict needs"),
        (b"\x80\x02\x82\x01.", "an instruction that no state dict needs"),  # EXT1
        (b"\x80\x02(icollections\nOrderedDict\n.", "an instruction that no state dict needs"),  # INST
    ],
)
def test_a_pickle_that_would_take_long_or_much_memory_is_refused_at_once(read, wrap, state, reason):
    start = time.process_time()
    with pytest.raises(WeightsError, match=reason):
        read(wrap(state))
    assert time.process_time() - start < 1


LONG = b"](" + b"K\x00" * 100_000 + b"eq\x01"  # a list, which `h\x01` puts on the stack again
DIGITS = _text("1" * 4000)
LARGE = b"}(" + b"".join(_text(str(i)) + b"N" for i in range(20_000)) + b"uq\x01"
ORDERED, PARAMETER = b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_parameter\n"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def often(function: bytes, arguments: bytes) -> bytes:
    """A pickle that calls a function thousands of times with the same arguments."""
    return b"\x80\x02(" + function + b"q\x02" + arguments + b"q\x03" + b"h\x02h\x03R" * 10_000 + b"t."


COPIES = {
    "items": (often(ORDERED, b"](" + LONG + b"h\x01" * 20_000 + b"e\x85"), "of anything but pairs"),
    "pairs": (often(ORDERED, b"](" + b"K\x00K\x00\x86" * 20_000 + b"e\x85"), "or more than 100,000"),
    "shape": (often(REBUILD, b"(" + STORAGE + b"K\x00" + LONG + b"h\x01t"), "an impossible shape"),
    "texts": (often(REBUILD, b"(" + STORAGE + b"K\x00" + b"(" + DIGITS * 8 + b"tq\x05h\x05t"), "an impossible shape"),
    "arguments": (often(PARAMETER, LONG), "TypeError"),
    "storage": (b"\x80\x02(" + LONG + b"h\x01Q" * 20_000 + b"t.", "too many values"),
    "attributes": (b"\x80\x02(" + LARGE + ORDERED + b"q\x02" + b"h\x02)Rh\x01b" * 5000 + b"t.", "not a dictionary"),
    "places": (
        b"\x80\x02}(K\x00" + LARGE + b"".join(_text(str(i)) + b"h\x01" for i in range(5000)) + b"u.",
        "not a dict",
    ),
    "keys": (
        b"\x80\x02}(" + _text("k" * 100_000) + b"}(" + b"".join(_text(str(i)) + b"}" for i in range(20_000)) + b"uu.",
        "not a dictionary",
    ),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_small_pickle_that_asks_for_many_copies_is_refused_at_once(read, name):
    state, reason = COPIES[name]
    start = time.process_time()
    with pytest.raises(WeightsError, match=reason):
        read(old(state))
    assert time.process_time() - start < 1


def test_a_long_name_is_refused(read):
    with pytest.raises(WeightsError, match=r"a name of more than 200 characters"):
        read(old(tensor().replace(b"X\x01\x00\x00\x00a", _text(".".join("a" * 200)))))


def test_pairs_of_python_2_are_read(read):
    values = tensor()[len(b"\x80\x02}") : -len(b"s.")]
    assert list(read(old(b"\x80\x02" + ORDERED + b"]](" + values + b"ea\x85R."))) == ["a"]


def test_dictionaries_that_are_one_another_are_searched_briefly(read):
    twice = b"}X\x01\x00\x00\x00ah\x01sX\x01\x00\x00\x00bh\x01s"  # {"a": x, "b": x} of the one before
    state = b"\x80\x02}q\x01" + (twice + b"q\x01") * 40 + b"."
    with pytest.raises(WeightsError, match="not a dictionary of tensors"):
        read(old(state))


@pytest.mark.parametrize("new", [True, False])
def test_a_file_that_ends_too_early_is_refused_wherever_it_ends(tmp_path, new):
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.randn(5), "b": torch.randn(6)}, tmp_path / "w.pth", _use_new_zipfile_serialization=new)
    whole = (tmp_path / "w.pth").read_bytes()
    for length in {*range(0, len(whole) - 1, 7), len(whole) - 1}:
        (tmp_path / "w.pth").write_bytes(whole[:length])
        with pytest.raises(WeightsError, match=r"^[^\n]*w\.pth: cannot be read as a PyTorch state dict \([^\n]+\)$"):
            read_state_dict(tmp_path / "w.pth")


@pytest.mark.parametrize("wrap", [old, zipped])
def test_a_file_by_hand_is_read(read, wrap):
    np.testing.assert_array_equal(read(wrap(tensor()))["a"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(read(wrap(tensor(1, (2, 2), (1, 3))))["a"], [[1, 4], [2, 5]])


class Call:
    """What pickles as the call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("wrap", [old, zipped])
@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("function", [os.system, eval, exec])
def test_code_is_refused_and_not_run(tmp_path, read, wrap, protocol, function):
    ran = tmp_path / "ran"
    code = f"mkdir {ran}" if function is os.system else f"__import__('os').mkdir({str(ran)!r})"
    state = pickle.dumps({"a": Call(function, code)}, protocol)
    with pytest.raises(WeightsError, match=r"it asks for (posix|builtins|__builtin__)\.\w+, which is not part"):
        read(wrap(state))
    assert not ran.exists()
    with pytest.raises(WeightsError, match="it asks for"):  # in place of the magic number
        read(state)
    assert not ran.exists()
    pickle.loads(pickle.dumps(Call(function, code), protocol))  # the attack is one
    assert ran.exists()


@pytest.mark.parametrize(
    "name", [b"torch._utils\n_rebuild_tensor", b"torch\nload", b"collections\nnamedtuple", b"torch\nstorage.os.system"]
)
def test_names_beside_those_known_are_refused(read, name):
    with pytest.raises(WeightsError, match="it asks for "):
        read(old(b"\x80\x02c" + name + b"\n."))


@pytest.mark.parametrize("wrap", [old, zipped])
@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (tensor(1), "beyond the end of its storage"),
        (tensor(0, (2, 3), (4, 1)), "beyond the end of its storage"),
        (tensor(0, (1 << 40,), (1,)), "beyond the end of its storage"),
        (tensor(-1), "an impossible shape"),
        (tensor(5, (2,), (-1,)), "an impossible shape"),
        (tensor(0, (2, 3), (1,)), "an impossible shape"),
        (tensor(storage=b"K\x01"), "a tensor without a storage"),
        (tensor(storage=STORAGE.replace(b"K\x06", b"K\x07")), "ends too early|differs from the announced one"),
        (tensor(storage=STORAGE.replace(b"FloatStorage", b"DoubleStorage")), "ends too early"),
        (tensor(storage=STORAGE.replace(b"storage", b"STORAGE")), "an unsupported kind of storage"),
        (pickle.dumps({"a": 1}, 2), "not a dictionary of tensors"),
        (pickle.dumps([], 2), "not a dictionary of tensors"),
    ],
)
def test_what_is_no_tensor_of_the_file_is_refused(read, wrap, state, reason):
    with pytest.raises(WeightsError, match=reason):
        read(wrap(state))


def test_a_small_file_cannot_ask_for_much_memory(read):
    repeated = read(old(tensor(0, (1 << 40,), (0,))))["a"]
    assert repeated.shape == (1 << 40,)
    assert repeated.strides == (0,)
    np.testing.assert_array_equal(read(old(tensor().replace(b"}", b"}r\xff\xff\xff\xff", 1)))["a"].shape, (2, 3))


def test_attributes_that_a_pickle_sets_do_not_outlive_it(read):
    """BUILD sets attributes of whatever is on the stack."""
    state = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}X\x0c\x00\x00\x00__defaults__)s\x86b."
    ordered = b"\x80\x02ccollections\nOrderedDict\nN}X\x0c\x00\x00\x00__defaults__Ns\x86b."
    for pickled in (state, ordered):
        with pytest.raises(WeightsError, match="not a dictionary"):
            read(old(pickled))
    np.testing.assert_array_equal(read(old(tensor()))["a"], [[0, 1, 2], [3, 4, 5]])


def test_what_torch_does_not_write_is_refused(tmp_path, read):
    with pytest.raises(WeightsError, match="a compressed archive"):
        read(zipped(tensor(), compression=zipfile.ZIP_DEFLATED))
    archive = bytearray(zipped(tensor()))
    size = archive.rindex(b"PK\x01\x02") + 24
    archive[size : size + 4] = (1 << 30).to_bytes(4, "little")
    with pytest.raises(WeightsError, match="an archive that claims more than it holds"):
        read(bytes(archive))
    with pytest.raises(WeightsError, match="neither of PyTorch's formats"):
        read(pickle.dumps({"a": 1}, 2))
    with pytest.raises(WeightsError, match="cannot be read as a PyTorch state dict"):
        read(b"\x00" * 100)
    with pytest.raises(WeightsError, match=r"no such weights file$"):
        read_state_dict(tmp_path / "absent.pth")
    with pytest.raises(WeightsError, match=r"cannot be read \(Is a directory\)$"):
        read_state_dict(tmp_path)


def test_other_byte_orders_are_refused(read):
    with pytest.raises(WeightsError, match="big-endian"):
        read(old(tensor(), little_endian=False))
    buffer = io.BytesIO(zipped(tensor()))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("w/byteorder", "big")
    with pytest.raises(WeightsError, match="big-endian"):
        read(buffer.getvalue())
