import io
import pathlib

import numpy
import pytest
from PIL import Image

from rahf_client import images
from rahf_client.schema import pb


def test_arrays_are_sent_as_they_are() -> None:
    array = numpy.random.default_rng(0).random((5, 7, 3), numpy.float32)
    sent = images.picture(array)
    assert (sent.dtype, sent.layout, sent.shape) == (pb.DTYPE_F32, pb.LAYOUT_HWC, (5, 7, 3))
    assert numpy.array_equal(images.array(sent.data, sent.dtype, sent.shape), array)


def test_channels_first_is_seen_from_the_shape() -> None:
    assert images.picture(numpy.zeros((3, 5, 7), numpy.float16)).layout == pb.LAYOUT_CHW


def test_a_view_is_sent_without_its_gaps() -> None:
    array = numpy.arange(4 * 6 * 3, dtype=numpy.uint8).reshape(4, 6, 3)[:, ::2]
    assert images.picture(array).data == array.tobytes()


def test_big_endian_arrays_are_turned_around() -> None:
    array = numpy.linspace(0, 1, 12, dtype=">f4").reshape(2, 2, 3).astype(">f4")
    assert images.picture(array.astype("=f4")).data == images.picture(array.astype("<f4")).data


def test_an_ambiguous_shape_must_say_its_layout() -> None:
    array = numpy.zeros((3, 4, 3), numpy.float32)
    with pytest.raises(ValueError, match="fits HWC and CHW"):
        images.picture(array)
    assert images.picture(array, "CHW").layout == pb.LAYOUT_CHW


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (1, 3, 4, 4), (3,)])
def test_what_is_no_rgb_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError):
        images.picture(numpy.zeros(shape, numpy.float32))


def test_integers_that_are_no_pixels_are_refused() -> None:
    with pytest.raises(TypeError, match="int64"):
        images.picture(numpy.zeros((2, 2, 3), numpy.int64))


def test_pillow_images_files_and_bytes_are_taken(tmp_path: pathlib.Path) -> None:
    picture = Image.fromarray(numpy.full((2, 3, 3), 9, numpy.uint8))
    file = io.BytesIO()
    picture.save(file, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(file.getvalue())
    assert images.picture(path).data == images.picture(str(path)).data == images.picture(file.getvalue()).data
    assert images.picture(picture).shape == (2, 3, 3)
    assert images.picture(picture.convert("L")).shape == (2, 3, 3)


def test_a_frame_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fill"):
        images.array(b"123", pb.DTYPE_F32, (1,))
