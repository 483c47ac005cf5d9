from __future__ import annotations

import io
import pickle

import handmade
import pytest
from conftest import Inspect

from convertkit.errors import ConvertkitError
from convertkit.sources import Kind
from convertkit.sources.pickle_names import TENSOR_NAMES
from convertkit.sources.pickle_scan import scan_pickle


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_calls_os_system_is_refused(inspect: Inspect, protocol: int) -> None:
    plain = pickle.dumps(handmade.Evil(), protocol)
    for content in (plain, handmade.torch_zip(plain), handmade.legacy(plain)):
        source = inspect(content)
        assert source.kind is Kind.MODULE
        assert "posix.system" in source.refusals[0]


@pytest.mark.parametrize("trick", handmade.EVIL)
def test_every_way_to_a_call_is_refused(inspect: Inspect, trick: str) -> None:
    opcodes = handmade.EVIL[trick]
    for data in (
        handmade.dict_pickle(opcodes),
        handmade.dict_pickle(b"}" + handmade.text("a") + opcodes + b"s"),
    ):
        assert inspect(handmade.torch_zip(data)).refusals
        assert inspect(handmade.torch_zip(data), "model.safetensors").refusals
        assert inspect(handmade.pt2(samples=handmade.torch_zip(data)), "model.pt2").refusals


@pytest.mark.parametrize("position", range(4))
def test_every_pickle_of_the_old_format_counts(inspect: Inspect, position: int) -> None:
    parts = [pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2), pickle.dumps({}, 2)]
    parts += [handmade.STATE_DICT, pickle.dumps(["0"], 2)]
    parts[position + 1] = pickle.dumps(handmade.Evil(), 2)
    assert "posix.system" in inspect(b"".join(parts)).refusals[0]


def test_refused_classes_are_listed_once_and_cut(inspect: Inspect) -> None:
    opcodes = b"".join(b"cnet\nLayer%d\n0" % (index % 12) for index in range(40)) + handmade.TENSOR
    (reason,) = inspect(handmade.torch_zip(handmade.dict_pickle(opcodes))).refusals
    assert reason.count("net.Layer0") == 1
    assert reason.endswith("and 4 more")


def test_details_count_tensors_and_show_nesting(inspect: Inspect) -> None:
    assert inspect(handmade.torch_zip()).details == {"tensors": "1", "parameters": "6"}
    assert inspect(handmade.torch_zip(handmade.NESTED)).details["keys"] == "model"


def test_members_of_another_kind_are_refused(inspect: Inspect) -> None:
    source = inspect(handmade.torch_zip(more={"m/evil.so": b""}))
    assert "evil.so" in source.refusals[0]


def test_shared_and_endless_structures_end() -> None:
    doubling = b"\x80\x02)" + b"2\x86" * 200 + b"."
    assert not scan_pickle(doubling, TENSOR_NAMES).is_damaged
    cycle = b"\x80\x02]q\x00h\x00a."
    assert not scan_pickle(cycle, TENSOR_NAMES).is_damaged


def test_shared_structures_end_in_inspection(inspect: Inspect) -> None:
    with pytest.raises(ConvertkitError, match="no tensors"):
        inspect(handmade.torch_zip(b"\x80\x02)" + b"2\x86" * 200 + b"."))


def test_a_stream_is_left_after_the_pickle() -> None:
    stream = io.BytesIO(pickle.dumps([1, 2], 2) + b"rest")
    assert scan_pickle(stream, TENSOR_NAMES).value == [1, 2]
    assert stream.read() == b"rest"
