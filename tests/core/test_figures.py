"""Sheets pixel by pixel, GIFs frame by frame, plots by what must (not) be at a place."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganzoo.core import figures
from ganzoo.core.figures import clouds
from ganzoo.errors import RunError, UsageError

REPOSITORY = Path(__file__).parents[2]
BLUE, ORANGE = (0, 114, 178), (213, 94, 0)  # the first two of canvas.COLOURS


def flat(level, height=4, width=6, channels=1) -> np.ndarray:
    return np.full((height, width, channels), level, np.uint8)


def is_colour(picture: np.ndarray, colour, tolerance=10) -> np.ndarray:
    return (np.abs(picture.astype(int) - colour) <= tolerance).all(axis=-1)


# Sheets


def test_sheet_pixel_by_pixel():
    samples = np.array([[[1, 2]], [[3, 4]], [[5, 6]]], np.uint8)[..., np.newaxis]  # three of 1 x 2 pixels
    g = figures.GAP_LEVEL
    expected = [
        [1, 1, 2, 2, g, 3, 3, 4, 4],
        [1, 1, 2, 2, g, 3, 3, 4, 4],
        [g, g, g, g, g, g, g, g, g],
        [5, 5, 6, 6, g, g, g, g, g],
        [5, 5, 6, 6, g, g, g, g, g],
    ]
    page = figures.sheet(samples, columns=2, scale=2, gap=1)
    assert page.dtype == np.uint8
    np.testing.assert_array_equal(page[..., 0], expected)


@pytest.mark.parametrize(
    ("count", "columns"),
    [(1, 1), (2, 2), (5, 3), (9, 3), (16, 4), (10, 10), (20, 10), (100, 10), (200, 10), (400, 20), (1000, 30)],
)
def test_default_columns(count, columns):
    page = figures.sheet(np.zeros((count, 1, 1, 1), np.uint8), scale=1, gap=0)
    assert page.shape == (-(-count // columns), columns, 1)


@pytest.mark.parametrize(("side", "scale"), [(8, 7), (28, 2), (32, 2), (56, 1), (64, 1), (55, 2)])
def test_default_scale_makes_a_sample_56_pixels(side, scale):
    assert figures.sheet(np.zeros((1, side, 60, 3), np.uint8)).shape == (side * scale, 60 * scale, 3)


@pytest.mark.parametrize(
    ("captions", "strips"),
    [
        ([], []),
        (["cat", "dog"] * 2, [0]),  # the columns are classes: named once
        (["cat", "dog", "cat"], [0]),
        (["cat", "cat", "dog", "dog"], [0, 1]),
    ],
)
def test_captions_stand_above_their_samples(captions, strips):
    samples = np.zeros((len(captions) or 4, 60, 60, 3), np.uint8)
    plain = figures.sheet(samples, columns=2)
    page = figures.sheet(samples, columns=2, captions=captions)
    assert page.shape == (plain.shape[0] + len(strips) * figures.CAPTION, *plain.shape[1:])
    for number, row in enumerate(strips):
        top = row * 62 + number * figures.CAPTION
        strip = page[top : top + figures.CAPTION]
        page = np.concatenate([page[:top], np.full_like(strip, 255), page[top + figures.CAPTION :]])
        for left in (0, 62):
            assert strip[:, left : left + 60].min() < 60  # text
        assert (strip[:, 60:62] == figures.GAP_LEVEL).all()
    np.testing.assert_array_equal(page[~(page == 255).all(axis=(1, 2))], plain)


def test_a_caption_wider_than_its_sample_is_cut():
    page = figures.sheet(np.zeros((2, 60, 60, 1), np.uint8), columns=2, captions=["w" * 50, ""])
    assert (page[: figures.CAPTION, 60:] == figures.GAP_LEVEL).all()


def test_colours_stay_in_a_sheet():
    samples = np.stack([flat((255, 0, 0), channels=3), flat((0, 0, 255), channels=3)])
    page = figures.sheet(samples, columns=2, scale=1, gap=2)
    assert page[0, 5].tolist() == [255, 0, 0]
    assert page[3, 6:8].tolist() == [[128, 128, 128]] * 2
    assert page[3, 8].tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    ("samples", "options"),
    [
        (np.zeros((0, 4, 4, 1), np.uint8), {}),
        (np.zeros((2, 4, 4), np.uint8), {}),
        (np.zeros((2, 4, 4, 1), np.float32), {}),
        (np.zeros((2, 4, 4, 1), np.uint8), {"columns": 0}),
        (np.zeros((2, 4, 4, 1), np.uint8), {"scale": 0}),
        (np.zeros((2, 4, 4, 1), np.uint8), {"gap": -1}),
    ],
)
def test_impossible_sheets(samples, options):
    with pytest.raises(UsageError, match=r"^sheet: "):
        figures.sheet(samples, **options)


# Animations


def frames_of(path) -> tuple[list[np.ndarray], list[int]]:
    with Image.open(path) as image:
        pictures, durations = [], []
        for index in range(image.n_frames):
            image.seek(index)
            durations.append(image.info["duration"])
            pictures.append(np.asarray(image.convert("RGB")))
        assert image.info["loop"] == 0
    return pictures, durations


def test_gif_keeps_grey_frames_exactly(tmp_path):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    frames = [ramp, ramp[::-1], flat(9, 16, 16)]
    figures.write_gif(tmp_path / "new" / "a.gif", frames)
    pictures, durations = frames_of(tmp_path / "new" / "a.gif")
    assert durations == [120, 120, 1500]
    for picture, frame in zip(pictures, frames, strict=True):
        np.testing.assert_array_equal(picture, frame.repeat(3, axis=2))


def test_gif_colours_and_times(tmp_path):
    halves = np.concatenate([flat((250, 10, 10), 8, 8, 3), flat((10, 10, 250), 8, 8, 3)])
    frames = [halves, halves[::-1], flat((255, 255, 255), 16, 8, 3), halves]
    figures.write_gif(tmp_path / "a.gif", frames, seconds_per_frame=0.5, hold_last=2)
    pictures, durations = frames_of(tmp_path / "a.gif")
    assert durations == [500, 500, 500, 2000]
    for picture, frame in zip(pictures, frames, strict=True):
        np.testing.assert_allclose(picture, frame, atol=1)


def test_gif_of_one_frame(tmp_path):
    figures.write_gif(tmp_path / "a.gif", [flat(200)])
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 1
        np.testing.assert_array_equal(image.convert("L"), np.full((4, 6), 200))


def test_equal_frames_are_shown_for_longer(tmp_path):
    figures.write_gif(tmp_path / "a.gif", [flat(1), flat(1), flat(2)], seconds_per_frame=0.1, hold_last=0.3)
    assert frames_of(tmp_path / "a.gif")[1] == [200, 300]


@pytest.mark.parametrize(
    ("frames", "options", "message"),
    [
        ([], {}, "of one shape, got none"),
        ([flat(0), flat(0, 5)], {}, r"got \[4, 6, 1\], \[5, 6, 1\]"),
        ([flat(0)[..., 0]], {}, r"got \[4, 6\]"),
        ([flat(0).astype(np.float32)], {}, "expected uint8 frames"),
        ([flat(0)], {"seconds_per_frame": 0}, "seconds_per_frame: expected 0.02 to 655.35, got 0"),
        ([flat(0)], {"hold_last": 700}, "hold_last: expected 0.02 to 655.35, got 700"),
    ],
)
def test_impossible_gifs(tmp_path, frames, options, message):
    with pytest.raises(UsageError, match=message):
        figures.write_gif(tmp_path / "a.gif", frames, **options)
    assert not os.listdir(tmp_path)


def test_gif_to_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunError, match="cannot be written"):
        figures.write_gif(tmp_path / "file" / "a.gif", [flat(0)])


# Plots


def test_scatter_puts_points_where_they_belong():
    picture = figures.scatter([[0.5, -0.5]], limit=1)
    assert picture.shape == (540, 500, 3)
    assert picture.dtype == np.uint8
    # The plot spans x 52.5 to 482.5 and y 502.2 (low) to 72.4 (high): (0.5, -0.5) is at x 375, y 394.7.
    inside = picture[80:495, 60:475]
    rows, columns = np.nonzero(inside[..., 0].astype(int) - inside[..., 2] > 60)
    assert abs(columns.mean() + 60 - 375) < 1
    assert abs(rows.mean() + 80 - 394.7) < 1


def test_frames_line_up_whatever_the_points():
    reference = np.random.default_rng(0).uniform(-2, 2, (50, 2))
    first = figures.scatter([[0.0, 0.0]], reference, title="step 1")
    second = figures.scatter([[0.0, 1.5]], reference, title="step 1")
    rows, columns = np.nonzero((first != second).any(axis=-1))
    assert 0 < len(rows) < 200
    assert np.ptp(columns) < 12  # the two points are above one another
    assert rows.min() > 72


def test_points_outside_are_counted():
    reference = [[0.0, 0.0], [1.0, 1.0]]
    near = figures.scatter([[0.5, 0.5]], reference)
    far = figures.scatter([[0.5, 0.5], [9.0, 0.5], [np.nan, 0.0]], reference)
    np.testing.assert_array_equal(near[75:], far[75:])
    assert (near[:75] != far[:75]).any()
    assert clouds.label_of(np.array([[0.5], [9.0], [np.nan]]), np.zeros(1), np.ones(1)) == "generated (2 of 3 outside)"


def test_density_counts_points_outside_in_the_whole():
    density = clouds.density_of(np.array([[0.1], [0.1], [0.9], [5.0]]), np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(density, [1.0, 0.5])  # 2 and 1 of 4 points in bins 0.5 wide


def test_histogram_draws_both():
    picture = figures.histogram(np.full(10, 0.5), np.full((10, 1), -0.5), limit=1)
    assert picture.shape == (540, 500, 3)
    plot = picture[75:500, 70:475]  # the axis from -1 to 1 spans x 62.5 to 482.5: -0.5 is at x 167.5, 0.5 at x 377.5
    generated = np.nonzero(is_colour(plot, ORANGE, 30).sum(axis=0) > 20)[0] + 70
    real = np.nonzero(is_colour(plot, (197, 197, 197)).sum(axis=0) > 20)[0] + 70
    for bar, place in ((generated, 377.5), (real, 167.5)):
        assert place - 8 < bar.min() <= bar.max() < place + 8  # a bin is 7 pixels wide


def test_points_of_any_number_of_columns():
    drawn = np.random.default_rng(0).normal(size=(40, 3))
    real = np.random.default_rng(1).normal(size=(50, 3))
    np.testing.assert_array_equal(
        figures.points(drawn[:, :1], real[:, :1], "step 1"), figures.histogram(drawn[:, 0], real[:, 0], title="step 1")
    )
    np.testing.assert_array_equal(
        figures.points(drawn[:, :2], real[:, :2], "step 1"), figures.scatter(drawn[:, :2], real[:, :2], title="step 1")
    )
    np.testing.assert_array_equal(
        figures.points(drawn, real, "step 1"),
        figures.scatter(drawn[:, :2], real[:, :2], title="step 1: x0 and x1 of 3 columns"),
    )
    np.testing.assert_array_equal(figures.points(drawn), figures.scatter(drawn[:, :2], title="x0 and x1 of 3 columns"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: figures.points(np.zeros(5)), r"points: expected \[N, columns\], got \[5\]"),
        (lambda: figures.points(np.zeros((5, 0))), r"points: expected \[N, columns\], got \[5, 0\]"),
        (lambda: figures.points(np.zeros((5, 3)), np.zeros((5, 4))), r"reference: expected \[N, 3\], got \[5, 4\]"),
        (lambda: figures.scatter(np.zeros((5, 3))), r"points: expected \[N, 2\], got \[5, 3\]"),
        (lambda: figures.scatter(np.zeros((5, 2)), np.zeros(5)), r"reference: expected \[N, 2\], got \[5\]"),
        (lambda: figures.histogram(np.zeros((5, 2))), r"points: expected \[N, 1\], got \[5, 2\]"),
        (lambda: figures.scatter(np.zeros((5, 2)), limit=0), "limit: expected a finite number above 0 or None, got 0"),
        (lambda: figures.scatter(np.full((5, 2), np.nan)), "points: expected at least one finite point, got none"),
        (lambda: figures.curves({}), "curves: expected at least one series, got none"),
        (
            lambda: figures.curves({"kid": ([1, 2], [3])}),
            r"as many steps as values, got \[2\], \[1\]",
        ),
    ],
)
def test_impossible_plots(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_nan_leaves_a_hole_in_a_curve():
    steps = np.arange(101)
    values = np.ones(101)
    whole = figures.curves({"loss": (steps, values)})
    values[40:61] = np.nan
    holed = figures.curves({"loss": (steps, values)})
    assert whole.shape == holed.shape == (450, 800, 3)
    drawn = is_colour(whole[:350], BLUE).any(axis=0)
    still = is_colour(holed[:350], BLUE).any(axis=0)
    share = 1 - still.sum() / drawn.sum()
    assert share == pytest.approx(0.22, abs=0.01)  # from step 39 to step 61
    assert still[: len(still) // 4].any()
    assert still[-len(still) // 4 :].any()


def test_a_single_value_is_visible():
    assert is_colour(figures.curves({"kid": ([100], [0.3])})[:350], BLUE).sum() > 5


def test_a_log_axis_straightens_an_exponential():
    steps = np.arange(100)
    picture = figures.curves({"loss": (steps, 10.0 ** (-steps / 20))}, log=True)
    rows, columns = np.nonzero(is_colour(picture[:340], BLUE))
    assert abs(np.corrcoef(rows, columns)[0, 1]) > 0.999


def test_values_without_logarithm_draw_nothing_and_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = figures.curves({"loss": ([1, 2], [0.0, -1.0])}, log=True)
    assert not is_colour(picture[:350], BLUE).any()


@pytest.mark.parametrize("count", [1, 3, 9])
@pytest.mark.parametrize("name", ["r1", "gradient_norm_of_the_discriminator", "M" * 40])
def test_a_legend_is_never_cut_off(count, name):
    picture = figures.curves({f"{name}{index}": ([1, 2], [index, 1]) for index in range(count)}, "losses", "loss")
    edges = [picture[400:, :3], picture[400:, -3:], picture[-2:]]
    assert all((edge == 255).all() for edge in edges)


def test_titles_may_hold_anything():
    long = "a title with $ and _ and $ that is much too long for one line, and for two, " * 3
    assert figures.scatter([[0.0, 0.0]], title=long).shape == (540, 500, 3)
    assert figures.curves({"_private": ([1], [1])}, title=long).shape == (450, 800, 3)


def test_plots_leave_pyplot_alone():
    code = (
        "import sys, ganzoo.core.figures as f; f.curves({'a': ([1], [1])}); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_panels_show_each_column_over_the_real_ones_and_line_up():
    real = np.linspace(-1, 1, 60).reshape(20, 3)
    pictures = [figures.histograms(real + shift, real, ("a", "b", "c"), "step 1") for shift in (0.0, 0.5, 9.0)]
    assert {picture.shape for picture in pictures} == {(220, 600, 3)}
    assert ((pictures[0] != pictures[1]).any(axis=2)).mean() < 0.1  # frames, names and the real bars stay
    alone = figures.histograms(real[:, :1])
    assert alone.shape == (220, 400, 3)


def test_panels_of_sequences():
    real = np.random.default_rng(0).normal(size=(6, 9, 5))
    assert figures.sequences(real + 1, real, title="step 1").shape == (370, 800, 3)
    assert figures.sequences(real[:, :1]).shape == (370, 800, 3)  # of one step


def test_no_more_panels_than_can_be_told_apart():
    assert figures.histograms(np.random.default_rng(0).normal(size=(9, 30))).shape == (970, 800, 3)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: figures.histograms(np.zeros(5)), r"rows: expected \[N, columns\], got \[5\]"),
        (
            lambda: figures.histograms(np.zeros((5, 3)), np.zeros((5, 4))),
            r"reference: expected \[M, 3\], got \[5, 4\]",
        ),
        (lambda: figures.histograms(np.zeros((5, 3)), names=("a",)), "names: expected 3, one per column, got 1"),
        (
            lambda: figures.histograms(np.full((5, 3), np.nan)),
            "column 0: expected at least one finite number, got none",
        ),
        (lambda: figures.sequences(np.zeros((5, 3))), r"examples: expected \[N, length, columns\], got \[5, 3\]"),
    ],
)
def test_panels_that_cannot_be_drawn(draw, message):
    with pytest.raises(UsageError, match=message):
        draw()
