from __future__ import annotations

import handmade
import pytest
from conftest import Inspect

BODY = "    weight = self.weight\n"
HOSTILE = {
    "save": ("    torch.save(image, 'f')\n", "torch.save"),
    "save as a method": ("    image.save('f')\n", "save"),
    "save by another name": ("    f = torch.save\n", "torch.save"),
    "save by ops": ("    ops.aten.save(image, 'f')\n", "ops.aten.save"),
    "from_file": ("    x = torch.from_file('f')\n", "torch.from_file"),
    "storage": ("    image.set_(image)\n", "set_"),
    "custom operator": ("    x = ops.mylib.op(image)\n", "ops.mylib.op"),
    "remote call": ("    x = ops.prim.rpc_sync(image)\n", "ops.prim.rpc_sync"),
    "custom class": ("    x = __torch__.torch.classes.a.B()\n", "__torch__.torch.classes.a.B"),
    "torch.classes": ("    x = torch.classes.a.B()\n", "torch.classes.a.B"),
    "the root alone": ("    t = torch\n", "torch"),
    "getattr": ("    getattr(image, 'save')('f')\n", "save"),
    "getattr of a variable": ("    getattr(image, weight)\n", "getattr"),
    "unknown method": ("    image.unheard_of()\n", "unheard_of"),
    "import": ("    import os\n", "import"),
    "lambda": ("    f = lambda: 1\n", "lambda"),
}


def test_the_plain_script_names_its_inputs(inspect: Inspect) -> None:
    source = inspect(handmade.script())
    assert source.refusals == ()
    assert source.input_names == ("image", "mask")
    assert source.inputs == ()
    assert source.details["class"] == "__torch__.Net"


@pytest.mark.parametrize("name", HOSTILE)
def test_code_that_does_more_than_compute_is_refused(inspect: Inspect, name: str) -> None:
    line, told = HOSTILE[name]
    (reason,) = inspect(handmade.script(handmade.SCRIPT.replace(BODY, BODY + line))).refusals
    assert told in reason


@pytest.mark.parametrize("method", ["__setstate__", "__getstate__"])
def test_methods_that_run_at_load_are_refused(inspect: Inspect, method: str) -> None:
    (reason,) = inspect(handmade.script(handmade.SCRIPT.replace("def helper", f"def {method}"))).refusals
    assert method in reason


def test_a_refused_name_stays_refused_when_the_archive_defines_it(inspect: Inspect) -> None:
    code = handmade.SCRIPT.replace("helper", "save")
    (reason,) = inspect(handmade.script(code)).refusals
    assert "save" in reason


@pytest.mark.parametrize(
    "code", ["class (", "x = 1 \\\n + 2\n", "x = 'é'\n", "x = 1\r\n", "x = 1\x0c\n", "\x00"]
)
def test_code_that_cannot_be_checked_is_refused(inspect: Inspect, code: str) -> None:
    assert "cannot be checked" in inspect(handmade.script(code)).refusals[0]


@pytest.mark.parametrize("name", ["torch.classes.a B", "torch.classes.quantized LinearPackedParamsBase"])
def test_custom_classes_in_the_data_are_refused(inspect: Inspect, name: str) -> None:
    module, attribute = name.split()
    data = b"\x80\x02c__torch__.%s\n%s\n)\x81}b." % (module.encode(), attribute.encode())
    assert module in inspect(handmade.script(data=data)).refusals[0]


def test_hostile_and_unknown_members_are_refused(inspect: Inspect) -> None:
    hostile = b"\x80\x02" + handmade.EVIL["reduce"] + b"."
    for member in ({"constants2.pkl": hostile}, {"traced_inputs.pkl": hostile}, {"model.json": b"{}"}):
        assert inspect(handmade.script(**member)).refusals
    assert inspect(handmade.script(data=hostile)).refusals
