"""Every way of reaching a file from a SavedModel's graph, or of hiding an operator in it, is refused."""

from __future__ import annotations

import pytest
from conftest import InspectGraph
from handmade_savedmodel import (
    ASSET_OBJECT,
    BINDINGS,
    CONSTANT_OBJECT,
    FUNCTIONS,
    NODES,
    RESTORE,
    SAVE,
    SERVE,
    SIGNATURES,
    TABLE,
    asset,
    bound,
    call,
    changed,
    entry,
    field,
    function,
    function_name,
    meta_graph,
    node,
    node_list,
    saved_model,
    signature,
    text,
    with_functions,
    with_nodes,
    without,
)

from convertkit.errors import RefusedError
from convertkit.sources import check_trusted
from convertkit.sources.savedmodel_rules import listed_operators
from convertkit.sources.wording import words

DANGEROUS = words("""
    ReadFile WriteFile MatchingFiles SaveV2 RestoreV2 MergeV2Checkpoints PyFunc EagerPyFunc PyFuncStateless
    ImmutableConst FixedUnigramCandidateSampler Skipgram DecodeProtoV2 EncodeProto LoadAndRemapMatrix
    GenerateVocabRemapping Copy CopyHost DebugIdentityV3 DumpTensor CSVDatasetV2 TFRecordDataset RemoteCall
    RpcCall XlaCallModule XlaHostCompute MlirPassthroughOp CalibrationStatisticsSaver CustomAggregator
    CreateSummaryFileWriter RecordInput SymbolicGradient MapDefun TPUPartitionedCall Send Recv Abort
    InitializeTableFromTextFile InitializeTableFromTextFileV2 DistributedSave FileSystemSetConfiguration
""")
CALLED_TABLE = call("fill", "initialize", "bad", "table")
USES = {
    "file operator": (with_nodes(node("n", "ReadFile", "x")), "its graph uses ReadFile"),
    "in a function": (
        with_functions(*FUNCTIONS, function("f", [], node("n", "WriteFile"))),
        "function 'f' uses WriteFile",
    ),
    "in the serving function": (
        with_functions(changed(SERVE, node("n", "SaveV2", "x")), SAVE, RESTORE, TABLE),
        "function 'serve' uses SaveV2",
    ),
    "unknown operator": (with_nodes(node("n", "MyOwn")), "its graph uses MyOwn"),
    "python": (with_nodes(node("n", "EagerPyFunc")), "EagerPyFunc"),
    "several": (with_nodes(node("n", "CSVDatasetV2"), node("m", "ImmutableConst")), "CSVDatasetV2, Imm"),
    "print to a file": (with_nodes(node("p", "PrintV2", "x", output_stream=text("file:///p"))), "PrintV2"),
    "print to a parameter": (with_nodes(node("p", "PrintV2", "x", output_stream=field(9, "s"))), "PrintV2"),
    "function named like an operator": (
        with_functions(*FUNCTIONS, function("SaveV2", [])),
        "named like operators: SaveV2",
    ),
    "restoring also saves": (
        with_functions(SERVE, SAVE, changed(RESTORE, node("n", "SaveV2", "path")), TABLE),
        "function 'traced_restore' uses SaveV2",
    ),
    "restoring another path": (
        with_functions(SERVE, SAVE, changed(RESTORE, node("n", "RestoreV2", "names:output:0")), TABLE),
        "function 'traced_restore' uses RestoreV2",
    ),
    "restoring from a caller with another path": (
        meta_graph([*without(NODES, "restore"), call("restore", "traced_restore", "x", "w")]),
        "function 'traced_restore' uses RestoreV2",
    ),
    "a signature saves": (
        meta_graph(signatures=[*SIGNATURES, signature("more", "save:0")]),
        "function 'traced_save' uses SaveV2",
    ),
    "a signature restores": (
        meta_graph(signatures=[*SIGNATURES, signature("more", "restore")]),
        "function 'traced_restore' uses RestoreV2",
    ),
    "initialization saves": (
        meta_graph(signatures=[SIGNATURES[0], signature("__saved_model_init_op", "save")]),
        "function 'traced_save' uses SaveV2",
    ),
    "the main operator saves": (
        meta_graph(collections=[node_list("saved_model_main_op", "save")]),
        "function 'traced_save' uses SaveV2",
    ),
    "another node needs the saver": (
        with_nodes(node("n", "NoOp", "^save")),
        "function 'traced_save' uses SaveV2",
    ),
    "another function calls the saver": (
        with_functions(*FUNCTIONS, function("f", ["x"], call("n", "traced_save", "x"))),
        "function 'traced_save' uses SaveV2",
    ),
    "a branch of another node": (
        with_nodes(node("n", "If", "x", then_branch=function_name("traced_save"))),
        "function 'traced_save' uses SaveV2",
    ),
    "a list of branches": (
        with_nodes(node("n", "Case", "x", branches=field(1, field(9, field(1, "traced_save"))))),
        "function 'traced_save' uses SaveV2",
    ),
    "an object holds the saver": (
        meta_graph(bindings=[*BINDINGS, bound("traced_save")]),
        "function 'traced_save' uses SaveV2",
    ),
    "an object initializes by the saver": (
        meta_graph(objects=[ASSET_OBJECT, CONSTANT_OBJECT, field(6, field(1, "traced_save"))]),
        "function 'traced_save' uses SaveV2",
    ),
    "exchanged by attribute": (
        with_functions(SERVE, SAVE + field(5, entry("api_implements", text("a"))), RESTORE, TABLE),
        "function 'traced_save' uses SaveV2",
    ),
    "an asset outside": (meta_graph(assets=[asset("path:0", "../../etc/passwd")]), r"outside: ../../etc"),
    "an absolute asset": (meta_graph(assets=[asset("path:0", "/etc/passwd")]), "outside: /etc/passwd"),
    "an asset without a name": (meta_graph(assets=[asset("path:0", "")]), "outside"),
    "a table from a constant path": (
        meta_graph([*without(NODES, "fill"), node("bad", "Const"), CALLED_TABLE]),
        "function 'initialize' uses InitializeTable",
    ),
    "a table whose variable is written twice": (
        with_nodes(node("again", "AssignVariableOp", "kept", "x")),
        "function 'initialize' uses InitializeTable",
    ),
    "a table whose variable has two handles": (
        with_nodes(node("other", "VarHandleOp", shared_name=text("kept"))),
        "function 'initialize' uses InitializeTable",
    ),
    "a table bound to a constant": (
        meta_graph(bindings=[bound("initialize", 1, 1)]),
        "function 'initialize' uses InitializeTable",
    ),
    "a table with more bound than it takes": (
        meta_graph(bindings=[bound("initialize", 1, 0, 0)]),
        "function 'initialize' uses InitializeTable",
    ),
    "a table bound to an asset with children": (
        meta_graph(objects=[ASSET_OBJECT + field(1, field(2, "_path")), CONSTANT_OBJECT]),
        "function 'initialize' uses InitializeTable",
    ),
    "a table that a signature fills without the asset": (
        meta_graph(signatures=[*SIGNATURES, signature("more", "init")]),
        "function 'initialize' uses InitializeTable",
    ),
    "a second graph": (None, "its graph uses WriteFile"),
}  # fmt: skip


@pytest.mark.parametrize("name", USES)
def test_hostile_graphs_are_refused(inspect_graph: InspectGraph, name: str) -> None:
    graph, told = USES[name]
    graphs = [graph] if graph else [meta_graph(), with_nodes(node("n", "WriteFile"))]
    source = inspect_graph(saved_model(*graphs))
    assert any(told in reason for reason in source.refusals), source.refusals
    with pytest.raises(RefusedError):
        check_trusted(source, allow_code=False)
    check_trusted(source, allow_code=True)


def test_a_gradient_that_is_the_saver_is_refused(inspect_graph: InspectGraph) -> None:
    library = b"".join(field(1, one) for one in FUNCTIONS)
    more = field(2, field(1, "serve") + field(2, "traced_save"))
    graph = b"".join(field(1, one) for one in NODES) + field(2, library + more)
    plain = field(2, b"".join(field(1, one) for one in NODES) + field(2, library) + field(4, field(1, 2000)))
    content = meta_graph()
    assert plain in content
    assert inspect_graph(saved_model(content.replace(plain, field(2, graph)))).refusals


def test_many_functions_are_counted(inspect_graph: InspectGraph) -> None:
    bad = [function(f"f{index}", [], node("n", "ReadFile")) for index in range(9)]
    refusals = inspect_graph(saved_model(with_functions(*FUNCTIONS, *bad))).refusals
    assert refusals[-1] == "5 more functions do"
    assert len(refusals) == 5


def test_no_listed_operator_reaches_files_or_code() -> None:
    """A table written anew must not let these in."""
    table = listed_operators()
    assert sorted(name for name in DANGEROUS if table[name]) == []
    assert table["MatMul"]


def test_a_name_within_a_longer_one_is_no_mention(inspect_graph: InspectGraph) -> None:
    """Functions are numbered: the name of one may begin another's."""
    more = function("traced_save_1", ["x"], node("n", "Identity", "x"))
    other = call("other", "traced_save_1", "x")
    assert inspect_graph(saved_model(with_nodes(other, functions=[*FUNCTIONS, more]))).refusals == ()
    followed = field(10, field(1, "traced_save") + b"_1" + bytes(0x31))
    hidden = node("n", "StatefulPartitionedCall", "x", f=followed)
    refusals = inspect_graph(saved_model(with_nodes(hidden, functions=[*FUNCTIONS, more]))).refusals
    assert refusals == ("function 'traced_save' uses SaveV2, MergeV2Checkpoints",)
