"""What PyTorch's tracer makes of layers, functions and models: each method's graph and code, up to the names of values.

    /usr/bin/python3 conformance/models/generate_trace.py     writes trace.json.gz

packages/sconce/test/trace/ traces the same in JavaScript and compares. Values lose their names (Python's local variables are
nobody else's), but for the parameters of the method traced and for attributes; then they are numbered as they appear.
"""
import gzip
import json
import os
import re
import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F

import programs_trace
import programs_trace_corners

warnings.filterwarnings('ignore')

# A layer as both languages write it, the shapes of its inputs, and whether it is traced in training.
LAYERS = [
    ('nn.Linear(4, 3)', [[2, 4]]), ('nn.Linear(4, 3, False)', [[2, 4]]), ('nn.Bilinear(2, 3, 4)', [[5, 2], [5, 3]]),
    ('nn.Identity()', [[2, 3]]),
    ('nn.Conv1d(2, 4, 3)', [[1, 2, 8]]), ('nn.Conv2d(2, 4, 3, 2, 1)', [[1, 2, 8, 8]]), ('nn.Conv3d(1, 2, 2)', [[1, 1, 4, 4, 4]]),
    ("nn.Conv2d(2, 4, 3, 1, 'same')", [[1, 2, 8, 8]]), ("nn.Conv2d(2, 2, 3, 1, 1, 1, 2, False)", [[1, 2, 8, 8]]),
    ("nn.Conv2d(2, 2, 3, 1, 1, 1, 1, True, 'reflect')", [[1, 2, 8, 8]]),
    ("nn.Conv2d(2, 2, 3, 1, 1, 1, 1, True, 'circular')", [[1, 2, 8, 8]]),
    ('nn.ConvTranspose1d(2, 3, 3)', [[1, 2, 5]]), ('nn.ConvTranspose2d(2, 3, 3, 2, 1, 1)', [[1, 2, 5, 5]]),
    ('nn.BatchNorm1d(4)', [[3, 4]]), ('nn.BatchNorm2d(4)', [[1, 4, 3, 3]]), ('nn.InstanceNorm2d(4)', [[1, 4, 3, 3]]),
    ('nn.LayerNorm(4)', [[2, 4]]), ('nn.LayerNorm([3, 4])', [[2, 3, 4]]), ('nn.GroupNorm(2, 4)', [[1, 4, 3, 3]]),
    *[(f'nn.{name}()', [[2, 3]]) for name in (
        'ReLU', 'ReLU6', 'SELU', 'SiLU', 'Mish', 'Hardswish', 'Hardsigmoid', 'Sigmoid', 'Tanh', 'LogSigmoid', 'Softsign',
        'Tanhshrink', 'LeakyReLU', 'ELU', 'CELU', 'GELU', 'Hardtanh', 'Softplus', 'Hardshrink', 'Softshrink', 'PReLU',
        'Dropout')],
    ('nn.ReLU(True)', [[2, 3]]), ('nn.SiLU(True)', [[2, 3]]), ('nn.LeakyReLU(0.2, True)', [[2, 3]]),
    ('nn.Dropout(0.5, True)', [[2, 3]]), ('nn.Dropout2d(0.2)', [[1, 2, 3, 3]]), ("nn.GELU('tanh')", [[2, 3]]),
    ('nn.ReLU6(True)', [[2, 3]]), ('nn.Hardtanh(-2, 2)', [[2, 3]]),
    ('nn.GLU()', [[2, 4]]), ('nn.Softmax(1)', [[2, 3]]), ('nn.LogSoftmax(-1)', [[2, 3]]), ('nn.Softmin(1)', [[2, 3]]),
    ('nn.Threshold(0.1, 20)', [[2, 3]]),
    ('nn.MaxPool1d(2)', [[1, 2, 8]]), ('nn.MaxPool2d(2)', [[1, 2, 8, 8]]), ('nn.MaxPool2d(3, 2, 1)', [[1, 2, 8, 8]]),
    ('nn.MaxPool2d(2, 2, 0, 1, True)', [[1, 2, 8, 8]]), ('nn.MaxPool3d(2)', [[1, 1, 4, 4, 4]]),
    ('nn.AvgPool1d(2)', [[1, 2, 8]]), ('nn.AvgPool2d(2)', [[1, 2, 8, 8]]), ('nn.AvgPool3d(2)', [[1, 1, 4, 4, 4]]),
    ('nn.AdaptiveAvgPool1d(2)', [[1, 2, 8]]), ('nn.AdaptiveAvgPool2d(1)', [[1, 2, 8, 8]]),
    ('nn.AdaptiveAvgPool2d([2, 3])', [[1, 2, 8, 8]]), ('nn.AdaptiveMaxPool1d(2)', [[1, 2, 8]]),
    ('nn.AdaptiveMaxPool2d(2)', [[1, 2, 8, 8]]),
    ('nn.Flatten()', [[2, 3, 4]]), ('nn.Unflatten(1, [2, 2])', [[2, 4]]),
    ('nn.ZeroPad2d(1)', [[1, 1, 3, 3]]), ('nn.ReflectionPad1d(1)', [[1, 2, 4]]), ('nn.ReflectionPad2d(1)', [[1, 1, 3, 3]]),
    ('nn.ReplicationPad2d(1)', [[1, 1, 3, 3]]), ('nn.ConstantPad2d(1, 2.5)', [[1, 1, 3, 3]]),
    ('nn.PixelShuffle(2)', [[1, 4, 2, 2]]), ('nn.PixelUnshuffle(2)', [[1, 1, 4, 4]]),
    ('nn.CosineSimilarity()', [[2, 3], [2, 3]]),
    ('nn.RNN(4, 3)', [[5, 2, 4]]), ('nn.RNN(4, 3, 2)', [[5, 2, 4]]), ('nn.LSTM(4, 3)', [[5, 2, 4]]),
    ('nn.LSTM(4, 3, 2, True, True, 0.0, True)', [[2, 5, 4]]), ('nn.GRU(4, 3)', [[5, 2, 4]]),
    ('nn.RNNCell(4, 3)', [[2, 4]]), ('nn.LSTMCell(4, 3)', [[2, 4]]), ('nn.GRUCell(4, 3)', [[2, 4]]),
    ('nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))', [[2, 4]]),
    ('nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(True), nn.Flatten())', [[2, 1, 4, 4]]),
    ('nn.MSELoss()', [[2, 3], [2, 3]]), ('nn.L1Loss()', [[2, 3], [2, 3]]), ('nn.SmoothL1Loss()', [[2, 3], [2, 3]]),
    ('nn.BCELoss()', [[2, 3], [2, 3]]), ('nn.BCEWithLogitsLoss()', [[2, 3], [2, 3]]),
]
TRAINED = [
    ('nn.Dropout()', [[2, 3]]), ('nn.BatchNorm2d(4)', [[2, 4, 3, 3]]), ('nn.BatchNorm1d(4)', [[3, 4]]),
    ('nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.1))', [[2, 4]]), ('nn.InstanceNorm2d(4)', [[1, 4, 3, 3]]),
]


def canonical_graph(text):
    """Without comments and mangled names, values numbered in the order in which they appear."""
    text = re.sub(r' # [^\n]*', '', text)
    text = re.sub(r'\.___torch_mangle_\d+', '', text)
    text = re.sub(r'__torch__\.programs_trace\w*\.', '__torch__.', text)
    def renumbered(graph):
        seen = {}
        return re.sub(r'%([A-Za-z0-9_.]+)', lambda m: '%' + str(seen.setdefault(m.group(1), len(seen))), graph)

    # The graph of a fork, below the one that it is in, has names of its own.
    return ''.join(renumbered(graph) for graph in re.split(r'^(?=with )', text, flags=re.M))


def canonical_code(text):
    return re.sub(r'__torch__\.programs_trace\w*\.', '__torch__.', re.sub(r'\.___torch_mangle_\d+', '', text))


def nameless(graph, keeps):
    for node in graph.nodes():
        if node.kind() != 'prim::GetAttr':
            for output in node.outputs():
                output.setDebugName('')
    if not keeps:
        for value in list(graph.inputs())[1:]:
            value.setDebugName('')
    return graph


def record(function, name, keeps):
    graph = nameless(function.graph.copy(), keeps)
    code = torch._C._create_function_from_graph(name, graph).code
    return [canonical_graph(str(graph)), canonical_code(code)]


def methods(module, path=''):
    for name in module._c._method_names():
        yield path + name, module._c._get_method(name)
    for name, child in module.named_children():
        if not isinstance(child, torch.jit.ScriptModule) or isinstance(child, torch.jit._trace.TracedModule):
            yield from methods(child, f'{path}{name}.')


def module_record(module, inputs, traced_methods=('forward',)):
    if len(traced_methods) == 1:
        traced = torch.jit.trace(module, inputs, check_trace=False)
    else:
        traced = torch.jit.trace_module(module, {m: inputs for m in traced_methods}, check_trace=False)
    return record_module(traced, traced_methods)


def record_module(traced, traced_methods):
    return {path: record(f, path.split('.')[-1], path in traced_methods) for path, f in methods(traced)}


def function_record(function, inputs, **options):
    return record_function(torch.jit.trace(function, inputs, check_trace=False, **options))


def record_function(traced):
    graph = nameless(traced.graph.copy(), True)
    return [canonical_graph(str(graph)), canonical_code(torch._C._create_function_from_graph('f', graph).code)]


def report(function, shapes):
    """The TracerWarnings of a trace, each once, and its error; numbers of the day and Python's places left out."""
    arguments = tuple(3 if shape is None else torch.ones(shape) for shape in shapes)
    error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        try:
            torch.jit.trace(function() if function.__name__ == '<lambda>' and function.__code__.co_argcount == 0 else function, arguments)
        except Exception as raised:
            error = str(raised)
    messages = []
    for warning in caught:
        text = canonical_report(str(warning.message))
        if issubclass(warning.category, torch.jit.TracerWarning) and text not in messages:
            messages.append(text)
    return [messages, error and canonical_report(error)]


def canonical_report(text):
    """Without places, hints and numbers; of a difference first what went, then what came."""
    text = re.sub(r' # [^\n]*', '', text).replace('Python function', 'function').split('\nTensor:')[0]
    lines, gone, come = [], [], []
    for line in text.split('\n') + ['']:
        mark = line.strip('\t')[:2]
        if mark == '? ' or re.match(r'\t*\S+\(\d+\): ', line) or re.match(r'\t*(Trace source|Check source|Source) \w+:$', line):
            continue
        line = re.sub(r'%\d+', '%', re.sub(r'\d+\.\d+(?!e)', '#', re.sub(r'at index \([^)]*\)', 'at index', line)))
        if mark in ('- ', '+ '):
            (gone if mark == '- ' else come).append(line)
            continue
        lines += gone + come + [line]
        gone, come = [], []
    return '\n'.join(lines).strip()


def flat(result):
    """Every tensor of a result, in order: its shape, dtype and numbers."""
    if isinstance(result, torch.Tensor):
        numbers = [float(f'{x:.6g}') for x in result.detach().double().reshape(-1).tolist()]
        return [[list(result.shape), str(result.dtype).removeprefix('torch.'), numbers]]
    if isinstance(result, (tuple, list, dict)):
        return [one for item in (result.values() if isinstance(result, dict) else result) for one in flat(item)]
    return [[[], type(result).__name__, [result]]]


def corner(traced, second):
    """What a trace gives on inputs of other shapes."""
    torch.manual_seed(1)
    return flat(traced(*programs_trace.inputs(second)))


def corners():
    functions, models = {}, {}
    for name, (function, shapes, second, options) in programs_trace_corners.FUNCTIONS.items():
        torch.manual_seed(0)
        traced = torch.jit.trace(function, programs_trace.inputs(shapes), check_trace=False, **options)
        functions[name] = {'shapes': shapes, 'second': second, 'record': record_function(traced), 'outputs': corner(traced, second)}
    for name, (make, shapes, second) in programs_trace_corners.MODELS.items():
        torch.manual_seed(0)
        module = make()
        torch.manual_seed(0)
        traced = torch.jit.trace(module, programs_trace.inputs(shapes), check_trace=False)
        methods = record_module(traced, ('forward',))
        models[name] = {'shapes': shapes, 'second': second, 'methods': methods, 'outputs': corner(traced, second)}
    return {'functions': functions, 'models': models}


def rand(shapes):
    return tuple(torch.rand(shape) for shape in shapes)


def main():
    out = {'layers': [], 'functions': {}, 'models': {}, 'reports': {}}
    for training, layers in ((False, LAYERS), (True, TRAINED)):
        for make, shapes in layers:
            module = eval(make.replace('[', '(').replace(']', ')')).train(training)
            inputs = rand(shapes)
            out['layers'].append({'make': make, 'shapes': shapes, 'training': training, 'methods': module_record(module, inputs)})
    for name, (function, shapes, options) in programs_trace.FUNCTIONS.items():
        torch.manual_seed(0)
        out['functions'][name] = {'shapes': shapes, 'record': function_record(function, programs_trace.inputs(shapes), **options)}
    for name, (make, shapes, traced_methods) in programs_trace.MODELS.items():
        torch.manual_seed(0)
        out['models'][name] = {
            'shapes': shapes, 'methods': module_record(make(), programs_trace.inputs(shapes), traced_methods)}
    out['reports'] = {
        name: {'shapes': shapes, 'report': report(function, shapes)}
        for name, (function, shapes, _) in programs_trace.REPORTS.items()}
    out['corners'] = corners()
    path = os.path.join(os.path.dirname(__file__), 'trace.json.gz')
    with open(path, 'wb') as file:
        file.write(gzip.compress(json.dumps(out).encode(), 9, mtime=0))
    print({k: len(v) for k, v in out.items()}, os.path.getsize(path), 'bytes')


main()
