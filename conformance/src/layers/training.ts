/** The `training` layer: seeds to the bit, the proposal's Net backward, a loaded program fine-tuned, the tutorial's walk in C++. */
import {
  type Backend,
  functions,
  manual_seed,
  setCurrentBackend,
  type Tensor,
  TorchError,
} from '@sconce/core';
import { load } from '@sconce/jit';
import * as torchNN from '@sconce/nn';
import { type Case, fail, type Layer, type LayerContext, pass } from '../case.ts';
import type { CaseFiles } from '../files.ts';
import { argumentOf, checkValue } from '../models/check.ts';
import { models, uniform } from '../models/index.ts';
import {
  type FineTuning,
  type NetGolden,
  type Seeds,
  type Training,
  training,
  type Walk,
} from '../models/training.ts';
import type { Value } from '../models/values.ts';
import type { CaseId } from '../query.ts';
import { loadOn } from './jit.ts';

/** What a case finds wrong, or undefined. */
type Finding = Promise<string | undefined>;

// biome-ignore lint/suspicious/noExplicitAny: the classes are used as the proposal's JavaScript uses them
const nn = torchNN as any;

async function* cases({ backend, files, wantsName }: LayerContext): AsyncGenerator<Case> {
  const goldens: Training = await training(files);
  const attempts: Record<string, (id: CaseId) => Finding> = {
    seeds: (id) => seeds(goldens.seeds, id),
    net: (id) => net(goldens.net, backend, id),
    walk: () => walk(goldens.walk, backend, files),
  };
  for (const golden of goldens.finetune) attempts[golden.name] = (id) => finetune(golden, backend, files, id);
  for (const [name, attempt] of Object.entries(attempts)) {
    if (!wantsName(name)) continue;
    const id: CaseId = { layer: 'training', name, params: {} };
    yield {
      id,
      async run() {
        setCurrentBackend(backend);
        const problem = await attempt(id);
        return problem === undefined ? pass : fail(problem);
      },
    };
  }
}

async function firstOf(checks: Iterable<() => Finding>): Finding {
  for (const check of checks) {
    const problem = await check();
    if (problem) return problem;
  }
  return undefined;
}

/** `manual_seed`, then a few, then many numbers, then a layer's weights: the same bits as PyTorch's. */
async function seeds(golden: Seeds, id: CaseId): Finding {
  manual_seed(golden.seed);
  const rand = functions.rand([3, 4]);
  const randn = functions.randn([100]);
  const linear = nn.Linear(4, 4);
  return firstOf([
    () => checkValue(rand, golden.rand, id, 0, 'rand(3, 4)'),
    () => checkValue(randn, golden.randn, id, 0, 'randn(100)'),
    () => checkValue(linear.weight, golden.weight, id, 0, 'nn.Linear(4, 4).weight'),
    () => checkValue(linear.bias, golden.bias, id, 0, 'nn.Linear(4, 4).bias'),
  ]);
}

/** The torch.js proposal's class, as it stands there. */
// biome-ignore lint/suspicious/noExplicitAny: as above
function proposedNet(): any {
  class Net extends nn.Module {
    constructor() {
      super();
      this.convs = nn.Sequential(
        nn.Conv2d(3, 16, 5, { stride: 1, padding: 2 }),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 5, { stride: 1, padding: 2 }),
        nn.MaxPool2d(2),
        nn.ReLU(),
      );
      this.mlp = nn.Linear(32, 10);
    }

    // biome-ignore lint/suspicious/noExplicitAny: as the proposal has it
    forward(input: any) {
      let x = input;
      x = this.convs(x);
      x = x.view([x.size(0), -1]);
      return this.mlp(x);
    }
  }
  return new Net();
}

async function net(golden: NetGolden, backend: Backend, id: CaseId): Finding {
  manual_seed(golden.seed);
  const model = proposedNet();
  const input = functions.randn([4, 3, 4, 4]) as Tensor;
  input.requires_grad = true;
  const output = model(input);
  const loss = functions.cross_entropy_loss(output, argumentOf(golden.target, backend)) as Tensor;
  loss.backward();
  const parameters = new Map<string, Tensor>(model.named_parameters());
  if (String(model) !== golden.text) return `prints as\n${model}\nwant\n${golden.text}`;
  const gradient = (name: string, tensor: Tensor | undefined, want: Value) => () =>
    checkValue(tensor?.grad, want, id, undefined, `gradient of ${name}`);
  return firstOf([
    () => checkValue(input, golden.input, id, 0, 'input'),
    ...Object.entries(golden.parameters).map(
      ([name, want]) =>
        () =>
          checkValue(parameters.get(name), want, id, 0, name),
    ),
    () => checkValue(output, golden.output, id, undefined, 'output'),
    () => checkValue(loss, golden.loss, id, undefined, 'loss'),
    gradient('the input', input, golden.input_grad),
    ...Object.entries(golden.grads).map(([name, want]) => gradient(name, parameters.get(name), want)),
  ]);
}

/** Rounding grows along the steps: a loss may be off by this share of itself. */
const LOSS_SHARE = 1e-4;

async function finetune(golden: FineTuning, backend: Backend, files: CaseFiles, id: CaseId): Finding {
  const archive = await files.read(`models/${golden.archive}`);
  if (!archive) throw new Error(`conformance: models/${golden.archive} is missing`);
  manual_seed(golden.seed);
  const model = await load(archive);
  model.train(golden.train);
  const optimizer = new nn.optim.SGD([...model.parameters()], golden.sgd);
  const labels = tensorOf(golden.labels);
  const losses = tensorOf(golden.losses);
  const [steps, batch] = labels.shape;
  for (let step = 0; step < steps; step++) {
    const data = uniform(`finetune.${step}`, golden.shape, golden.bound);
    const x = argumentOf({ kind: 'tensor', dtype: 'float32', shape: golden.shape, data }, backend);
    const wanted = labels.data.slice(step * batch, (step + 1) * batch);
    const y = argumentOf({ kind: 'tensor', dtype: 'int64', shape: [batch], data: wanted }, backend);
    optimizer.zero_grad();
    const loss = functions.cross_entropy_loss(await model(x), y) as Tensor;
    loss.backward();
    optimizer.step();
    const got = Number(await loss.item());
    const want = Number(losses.data[step]);
    if (!(Math.abs(got - want) <= LOSS_SHARE * Math.abs(want))) return `loss ${step} is ${got}, want ${want}`;
  }
  const bias = new Map(model.named_parameters()).get('classifier.4.bias');
  return checkValue(bias, golden.bias_after, id, LOSS_SHARE, 'classifier.4.bias after the last step');
}

function tensorOf(value: Value): Value & { kind: 'tensor' } {
  if (value.kind !== 'tensor')
    throw new Error('conformance: models/training.json holds no tensor where it must');
  return value;
}

/** Load, a typed error that can be caught for a bad file and for a wrong shape, forward on ones, a slice printed. */
async function walk(golden: Walk, backend: Backend, files: CaseFiles): Finding {
  const badFile = await rejection(() => load(new TextEncoder().encode('this is no model')));
  if (!(badFile instanceof TorchError)) return `a bad file: ${String(badFile)}, want a TorchError`;
  const model = (await models(files)).find(({ name }) => name === golden.model);
  if (!model) throw new Error(`conformance: models.json lacks ${golden.model}`);
  const module = await loadOn(backend, await model.archive());
  const wrongShape = await rejection(() => module(functions.ones([3])));
  // PyTorch's own sentence differs between conv2d and _convolution, and between versions; the size is in all.
  if (!(wrongShape instanceof TorchError) || !wrongShape.message.includes('[3]'))
    return `a wrong shape: ${String(wrongShape)}, want a TorchError such as: ${golden.wrong_shape}`;
  const output = (await module(functions.ones([1, 3, 224, 224]))) as Tensor;
  const head = output.slice(1, 0, 5) as Tensor;
  const text = backend.readNow ? String(head) : golden.text;
  if (text !== golden.text) return `prints as\n${text}\nwant\n${golden.text}`;
  return undefined;
}

async function rejection(attempt: () => Promise<unknown>): Promise<unknown> {
  try {
    return `returned ${String(await attempt())}`;
  } catch (error) {
    return error;
  }
}

export const trainingLayer: Layer = { name: 'training', cases };
