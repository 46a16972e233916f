"""Writes media/turn/data/silero_8k.onnx: Silero's voice detector for 8 kHz as a few matrix products.

The file that Silero publishes (it comes with pipecat) holds the networks of two sample rates in branches, slices its
weights anew in every run and convolves over four frames at a time. Here the branch is taken, and each convolution over
so few frames is written out as one matrix: the same sums in another order. tests/media/turn/test_silero.py holds both
against each other.

Run it after an update of pipecat that brings another model, where `onnx` is installed beside requirements/media.txt.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from pipecat.audio.vad import data

SOURCE = Path(data.__path__[0]) / "silero_vad.onnx"
TARGET = Path(__file__).parents[1] / "media" / "turn" / "data" / "silero_8k.onnx"
WINDOW, CONTEXT = 256, 32
# The spectrum: frames of 128 samples every 64, the window's end mirrored.
FRAME, HOP, MIRRORED, BINS = 128, 64, 32, 65
FRAMES = (CONTEXT + WINDOW + MIRRORED - FRAME) // HOP + 1
STRIDES = (1, 2, 2, 1)
STATE = 128


def weights():
    """The weights of the 8 kHz branch, by name."""
    (choice,) = (node for node in onnx.load(SOURCE).graph.node if node.op_type == "If")
    (branch,) = (attribute.g for attribute in choice.attribute if attribute.name == "else_branch")
    constants = (node for node in branch.node if node.op_type == "Constant")
    return {node.output[0].split("__")[-1]: numpy_helper.to_array(node.attribute[0].t) for node in constants}


def spectrum(basis):
    """(samples, 2 * FRAMES * BINS): real parts of all frames, then imaginary ones."""
    samples = CONTEXT + WINDOW
    frames = np.zeros((samples + MIRRORED, 2, FRAMES, BINS), np.float32)
    for frame in range(FRAMES):
        for part in range(2):
            rows = slice(frame * HOP, frame * HOP + FRAME)
            frames[rows, part, frame] = basis[part * BINS : (part + 1) * BINS, 0].T
    whole = frames[:samples].copy()
    for sample in range(MIRRORED):
        whole[samples - 2 - sample] += frames[samples + sample]
    return whole.reshape(samples, -1)


def convolution(kernel, frames, stride):
    """A convolution of three taps, padded by one frame at each end, as one matrix; and the number of output frames."""
    channels_out, channels_in, taps = kernel.shape
    out = (frames - 1) // stride + 1
    dense = np.zeros((frames, channels_in, out, channels_out), np.float32)
    for target in range(out):
        for tap in range(taps):
            source = target * stride + tap - 1
            if 0 <= source < frames:
                dense[source, :, target] += kernel[:, :, tap].T
    return dense.reshape(frames * channels_in, out * channels_out), out


class Graph:
    """Collects nodes and constants."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, kind, inputs, *outputs, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[0]

    def dense(self, name, source, matrix, bias):
        return self.add("Gemm", [source, self.constant(f"{name}.w", matrix), self.constant(f"{name}.b", bias)], name)


def encoder(graph, known):
    """The layers from samples to the features of the window."""
    waves = graph.constant("spectrum", spectrum(known["stft.forward_basis_buffer"]))
    parts = graph.add("MatMul", ["input", waves], "parts")
    half = graph.constant("half", np.array([FRAMES * BINS] * 2))
    graph.add("Split", [parts, half], "real", "imaginary", axis=1)
    graph.add("Mul", ["real", "real"], "real2")
    graph.add("Mul", ["imaginary", "imaginary"], "imaginary2")
    graph.add("Add", ["real2", "imaginary2"], "power")
    features, frames = graph.add("Sqrt", ["power"], "magnitude"), FRAMES
    for number, stride in enumerate(STRIDES):
        name = f"encoder.{number}.reparam_conv"
        matrix, frames = convolution(known[f"{name}.weight"], frames, stride)
        bias = np.tile(known[f"{name}.bias"], frames)
        features = graph.add("Relu", [graph.dense(f"encoder.{number}", features, matrix, bias)], f"features.{number}")
    return features


def memory(graph, known, features):
    """One step of the LSTM: the new state and the output."""
    axis, single = graph.constant("axis", np.array([0])), graph.constant("single", np.array([1, 1]))
    graph.add("Split", ["state", single], "h.in", "c.in", axis=0)
    graph.add("Squeeze", ["h.in", axis], "h.old")
    graph.add("Squeeze", ["c.in", axis], "c.old")
    graph.add("Concat", [features, "h.old"], "seen", axis=1)
    matrix = np.concatenate([known["decoder.rnn.weight_ih"].T, known["decoder.rnn.weight_hh"].T])
    graph.dense("gates", "seen", matrix, known["decoder.rnn.bias_ih"] + known["decoder.rnn.bias_hh"])
    graph.add("Split", ["gates", graph.constant("quarter", np.array([STATE] * 4))], "i", "f", "g", "o", axis=1)
    for gate in ("i", "f", "o"):
        graph.add("Sigmoid", [gate], f"{gate}.on")
    graph.add("Tanh", ["g"], "g.on")
    graph.add("Mul", ["f.on", "c.old"], "kept")
    graph.add("Mul", ["i.on", "g.on"], "learnt")
    graph.add("Add", ["kept", "learnt"], "c.new")
    graph.add("Tanh", ["c.new"], "c.on")
    given = graph.add("Mul", ["o.on", "c.on"], "h.new")
    graph.add("Unsqueeze", ["h.new", axis], "h.out")
    graph.add("Unsqueeze", ["c.new", axis], "c.out")
    graph.add("Concat", ["h.out", "c.out"], "stateN", axis=0)
    return given


def main():
    """Builds the model and checks it against Silero's."""
    known, graph = weights(), Graph()
    given = graph.add("Relu", [memory(graph, known, encoder(graph, known))], "given")
    last = known["decoder.decoder.2.weight"].reshape(1, STATE).T
    graph.add("Sigmoid", [graph.dense("decoder", given, last, known["decoder.decoder.2.bias"])], "output")
    sides = [
        [("input", ["n", CONTEXT + WINDOW]), ("state", [2, "n", STATE])],
        [("output", ["n", 1]), ("stateN", [2, "n", STATE])],
    ]
    inputs, outputs = ([helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in side] for side in sides)
    made = helper.make_graph(graph.nodes, "silero_8k", inputs, outputs, graph.constants)
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=9, producer_name="vocalized")
    onnx.checker.check_model(model)
    TARGET.parent.mkdir(exist_ok=True)
    onnx.save(model, TARGET)
    print(f"{TARGET.stat().st_size} bytes: {TARGET}")


if __name__ == "__main__":
    main()
