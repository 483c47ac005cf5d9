"""The messages of saved_model.pb that are read here, from the .proto files of TensorFlow 2.21.

`skip` stands for a message that is not looked into: tensors, shapes, types, debug information.
"""

from __future__ import annotations

from convertkit.sources.protobuf_wire import message_table

MESSAGES = message_table("""
SavedModel: 1 saved_model_schema_version number, 2 meta_graphs MetaGraphDef*
MetaGraphDef: 1 meta_info_def skip, 2 graph_def GraphDef, 3 saver_def SaverDef, \
    4 collection_def CollectionEntry*, 5 signature_def SignatureEntry*, 6 asset_file_def AssetFileDef*, \
    7 object_graph_def SavedObjectGraph
GraphDef: 1 node NodeDef*, 2 library FunctionDefLibrary, 3 version number, 4 versions skip, 5 debug_info skip
FunctionDefLibrary: 1 function FunctionDef*, 2 gradient skip*, 3 registered_gradients skip*
FunctionDef: 1 signature OpDef, 3 node_def NodeDef*, 4 ret skip*, 5 attr AttrEntry*, 6 control_ret skip*, \
    7 arg_attr skip*, 8 resource_arg_unique_id skip*
OpDef: 1 name text, 2 input_arg ArgDef*, 3 output_arg skip*, 4 attr skip*, 5 summary text, \
    6 description text, 8 deprecation skip, 16 is_aggregate number, 17 is_stateful number, \
    18 is_commutative number, 19 allows_uninitialized_input number, 20 control_output text*, \
    21 is_distributed_communication number
ArgDef: 1 name text, 2 description text, 3 type number, 4 type_attr text, 5 number_attr text, \
    6 type_list_attr text, 7 handle_data skip*, 16 is_ref number, 17 experimental_full_type skip
NodeDef: 1 name text, 2 op text, 3 input text*, 4 device text, 5 attr AttrEntry*, \
    6 experimental_debug_info skip, 7 experimental_type skip
AttrEntry: 1 key text, 2 value AttrValue
AttrValue: 1 list skip, 2 s text, 3 i number, 4 f float, 5 b number, 6 type number, 7 shape skip, \
    8 tensor skip, 9 placeholder text, 10 func skip
SaverDef: 1 filename_tensor_name text, 2 save_tensor_name text, 3 restore_op_name text, \
    4 max_to_keep number, 5 sharded number, 6 keep_checkpoint_every_n_hours float, 7 version number
CollectionEntry: 1 key text, 2 value CollectionDef
CollectionDef: 1 node_list NodeList, 2 bytes_list BytesList, 3 int64_list skip, 4 float_list skip, \
    5 any_list AnyList
NodeList: 1 value text*
BytesList: 1 value text*
AnyList: 1 value Any*
Any: 1 type_url text, 2 value AssetFileDef
SignatureEntry: 1 key text, 2 value SignatureDef
SignatureDef: 1 inputs TensorEntry*, 2 outputs TensorEntry*, 3 method_name text, 4 defaults skip*
TensorEntry: 1 key text, 2 value TensorInfo
TensorInfo: 1 name text, 2 dtype number, 3 tensor_shape skip, 4 coo_sparse CooSparse, \
    5 composite_tensor CompositeTensor
CooSparse: 1 values_tensor_name text, 2 indices_tensor_name text, 3 dense_shape_tensor_name text
CompositeTensor: 1 type_spec skip, 2 components TensorInfo*
AssetFileDef: 1 tensor_info TensorInfo, 2 filename text
SavedObjectGraph: 1 nodes SavedObject*, 2 concrete_functions ConcreteEntry*
SavedObject: 1 children skip*, 3 slot_variables skip*, 4 user_object skip, 5 asset skip, 6 function skip, \
    7 variable skip, 8 bare_concrete_function skip, 9 constant skip, 10 resource skip, \
    11 saveable_objects skip*, 12 captured_tensor skip, 13 registered_name text, \
    14 serialized_user_proto skip, 15 dependencies skip*, 16 registered_saver text
ConcreteEntry: 1 key text, 2 value SavedConcreteFunction
SavedConcreteFunction: 2 bound_inputs number*, 3 canonicalized_input_signature skip, 4 output_signature skip
""")
