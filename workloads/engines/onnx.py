"""The CPU engine: onnxruntime, with a model built in memory.

Nothing is downloaded or written, and its threads sleep between calls instead of spinning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort

from workloads.engine import Bound
from workloads.engines import EngineOptions
from workloads.engines.cpu import only_cpu
from workloads.engines.onnx_model import input_name, weight_name, write_model
from workloads.graph import Graph
from workloads.memory import available_bytes

if TYPE_CHECKING:
    from workloads.engine import Array, Weights

# Failures are raised; onnxruntime would also print them.
FATAL_ONLY = 4
_FOLDER = "session.model_external_initializers_file_folder_path"


class OnnxEngine:
    """Evaluates graphs with onnxruntime on the processor."""

    device = "cpu"

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        counted = f"{threads} thread{'s' * (threads > 1)}" if threads else "its default threads"
        self.title = f"onnxruntime {ort.__version__}, cpu, {counted}"

    def load(self, graph: Graph, weights: Weights) -> LoadedModel:
        """Creates a session with its own copy of the weights, laid out for the processor."""
        return self._load(graph, weights, graph.outputs)

    def values(self, graph: Graph, weights: Weights, *inputs: Array) -> dict[str, Array]:
        """Every value of the graph for these inputs, by the name of its node."""
        names = [node.name for node in graph.nodes]
        given = dict(zip(map(input_name, graph.inputs), inputs, strict=True))
        return dict(zip(names, self._load(graph, weights, names).outputs(given), strict=True))

    def load_model(self, model: bytes, folder: str) -> LoadedModel:
        """Creates a session for an ONNX model whose external data, if any, is in `folder`."""
        options = self._options()
        options.add_session_config_entry(_FOLDER, folder)
        return LoadedModel(model, options)

    def free_bytes(self) -> int:
        """Memory available to this process."""
        return available_bytes()

    def _load(self, graph: Graph, weights: Weights, kept: Sequence[str]) -> LoadedModel:
        options = self._options()
        keys = [f"{node.name}.{name}" for node in graph.nodes for name in node.weights]
        if keys:
            arrays = [np.ascontiguousarray(weights[key]) for key in keys]
            values = [ort.OrtValue.ortvalue_from_numpy(array) for array in arrays]
            options.add_external_initializers([weight_name(key) for key in keys], values)
        return LoadedModel(write_model(graph, kept), options)

    def _options(self) -> ort.SessionOptions:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = FATAL_ONLY
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return options


class LoadedModel:
    """A session."""

    def __init__(self, model: bytes, options: ort.SessionOptions) -> None:
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._inputs = [each.name for each in self._session.get_inputs()]
        self._outputs = [each.name for each in self._session.get_outputs()]

    def outputs(self, given: Mapping[str, Array]) -> list[Array]:
        """All outputs, in the model's order, for inputs by the model's names."""
        return list(self._session.run(None, dict(given)))

    def bind(self, *inputs: Array) -> Bound:
        """Bind a copy of the inputs, once; a call is done when it returns."""
        binding = self._session.io_binding()
        for name, values in zip(self._inputs, inputs, strict=True):
            binding.bind_ortvalue_input(name, _owned(values))
        for name in self._outputs:
            binding.bind_output(name, "cpu")
        return Bound(
            partial(self._session.run_with_iobinding, binding),
            lambda: None,
            lambda: np.array(binding.get_outputs()[0].numpy()),
        )

    def put(self, values: Array) -> ort.OrtValue:
        """A copy in onnxruntime's memory."""
        return _owned(values)

    def apply(self, *values: ort.OrtValue) -> list[ort.OrtValue]:
        """All outputs, in the model's order; none is copied."""
        given = dict(zip(self._inputs, values, strict=True))
        return list(self._session.run_with_ort_values(self._outputs, given))

    def get(self, held: ort.OrtValue) -> Array:
        """A copy as an array."""
        return np.array(held.numpy())


def open_engine(options: EngineOptions) -> OnnxEngine:
    """Raises UsageError for anything but the processor."""
    only_cpu(options)
    return OnnxEngine(options.threads)


def _owned(values: Array) -> ort.OrtValue:
    """A copy in onnxruntime's memory: a binding does not keep the array it reads alive."""
    value = ort.OrtValue.ortvalue_from_shape_and_type(values.shape, values.dtype.type, "cpu")
    value.update_inplace(np.ascontiguousarray(values))
    return value
