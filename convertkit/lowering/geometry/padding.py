"""Padding along the spatial axes of windows: from ONNX's attributes to TensorFlow's."""

from __future__ import annotations

from dataclasses import dataclass

from convertkit.lowering.call import Call
from convertkit.lowering.sizes import Size, divide


@dataclass(frozen=True)
class Window:
    """A sliding window over the spatial axes.

    Attributes:
        kernel, strides, dilations: one number per spatial axis.
        pads: (begin, end) per spatial axis.
        sizes: the input's spatial sizes.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    sizes: tuple[Size, ...]

    @property
    def reach(self) -> tuple[int, ...]:
        """The extent of the dilated kernel."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    @property
    def is_padded(self) -> bool:
        """True where any axis is padded."""
        return any(begin or end for begin, end in self.pads)

    def outputs(self) -> list[Size]:
        """The spatial sizes of the result."""
        return [
            divide(size + (begin + end - reach), stride) + 1
            for size, (begin, end), reach, stride in zip(
                self.sizes, self.pads, self.reach, self.strides, strict=True
            )
        ]

    def is_same(self) -> bool:
        """True where TensorFlow's SAME gives what this window does.

        Pairs with one element of padding behind the last do so at any size: of an even one no pair reads it.
        """
        rows = zip(self.sizes, self.pads, self.reach, self.strides, strict=True)
        return all(
            pads == same_pads(size, reach, stride) or (pads, reach, stride) == ((0, 1), 2, 2)
            for size, pads, reach, stride in rows
        )


def same_pads(size: Size, reach: int, stride: int, upper: bool = True) -> tuple[int, int] | None:
    """The padding that gives ceil(size / stride) results, the odd one at the end where `upper`."""
    if isinstance(size, int):
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    elif stride == 1:
        total = reach - 1
    else:
        return None
    small, large = total // 2, total - total // 2
    return (small, large) if upper else (large, small)


def window_of(call: Call, kernel: tuple[int, ...]) -> Window:
    """The window that a convolution's or a pool's attributes describe.

    Raises:
        ValueError: an attribute is out of range, or the padding depends on a size that is not known.
    """
    rank = len(kernel)
    sizes = call.shape[2:]
    if len(sizes) != rank:
        raise ValueError(f"a kernel of {rank} axes does not fit an input of rank {call.rank}")
    strides = tuple(call.attribute("strides") or [1] * rank)
    dilations = tuple(call.attribute("dilations") or [1] * rank)
    flat = call.attribute("pads") or [0] * (2 * rank)
    if any(number < 1 for number in (*kernel, *strides, *dilations)) or any(pad < 0 for pad in flat):
        raise ValueError(
            f"kernel {kernel}, strides {strides}, dilations {dilations} or pads {flat} out of range"
        )
    window = Window(kernel, strides, dilations, tuple(zip(flat[:rank], flat[rank:], strict=True)), sizes)
    auto = call.attribute("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        pads = [
            same_pads(*row, auto == "SAME_UPPER") for row in zip(sizes, window.reach, strides, strict=True)
        ]
        known = [pad for pad in pads if pad is not None]
        if len(known) < rank:
            raise ValueError(f"auto_pad {auto} with a stride needs a spatial size that is known")
        return Window(kernel, strides, dilations, tuple(known), sizes)
    if auto == "VALID":
        return Window(kernel, strides, dilations, ((0, 0),) * rank, sizes)
    if auto != "NOTSET":
        raise ValueError(f"auto_pad '{auto}' is out of range")
    return window
