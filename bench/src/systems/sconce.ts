/** Sconce: `node sconce.js WORKLOAD THREADS BACKEND graph|eager|native`. `graph` runs the archive that PyTorch saved, `native` has LibTorch run it. */
import type * as Torch from 'sconce';
import { type Prepared, run } from '../serve.ts';
import { digest, labels, learningRate, modelFile, numbers, type Workload } from '../workloads.ts';

type Tensor = Torch.Tensor;
const [, , , , backend, mode] = process.argv;

const dispose = (result: unknown): void => {
  for (const tensor of [result].flat(Infinity)) (tensor as Tensor).dispose();
};

function setThreads(torch: typeof Torch, threads: number): void {
  if ('set_num_threads' in torch) (torch.set_num_threads as (n: number) => void)(threads);
  // LibTorch was told by the environment.
  else if (backend === 'wasm' && threads > 1) throw new Error('has no threads');
}

async function graph(torch: typeof Torch, name: string): Promise<(...xs: Tensor[]) => Promise<unknown>> {
  const model = await torch.jit.load(modelFile(name, 'pt'));
  model.eval();
  const { jit } = torch;
  const isOptimised = backend === 'wasm' && 'optimize_for_inference' in jit;
  const optimised = isOptimised
    ? await (jit.optimize_for_inference as (m: unknown) => typeof model)(model)
    : model;
  return (...xs) => optimised(...xs) as Promise<unknown>;
}

async function eager(torch: typeof Torch, name: string): Promise<(...xs: Tensor[]) => unknown> {
  const { nn } = torch;
  if (name.startsWith('matmul')) return (a, b) => torch.matmul(a, b);
  if (name === 'chain') return (x, y) => torch.gelu(x.mul(2).add(1)).mul(y).add(x);
  if (name === 'softmax') return (x) => torch.softmax(x, -1);
  const { ResNet18, MobileNetV2, Transformer } = await import('../networks.ts');
  const modules: Record<string, () => Torch.nn.Module> = {
    resnet18: () => new ResNet18(),
    mobilenetv2: () => new MobileNetV2(),
    prefill: () => new Transformer(),
    decode: () => new Transformer(),
    lstm: () => nn.LSTM(128, 128),
    layer_norm: () => nn.LayerNorm(1024),
    linear: () => nn.Linear(4, 4),
  };
  const module = modules[name]();
  await module.load_state_dict(modelFile(name, 'safetensors'), { strict: false });
  module.eval();
  return (...xs) => module.forward(...xs);
}

/** A step ends when its kernels have: a chain of pointwise calls that nobody looks at would never be run. */
async function forward(torch: typeof Torch, name: string, xs: Tensor[]): Promise<Prepared> {
  const { settlePending } = await import('@sconce/core');
  if (mode === 'graph') {
    const f = await graph(torch, name);
    const first = await torch.no_grad(() => f(...xs));
    const check = digest(await ([first].flat()[0] as Tensor).data());
    const step = async () => {
      const result = await torch.no_grad(() => f(...xs));
      settlePending();
      dispose(result);
    };
    return { step, check };
  }
  const f = await eager(torch, name);
  const once = () =>
    torch.scope(() => {
      const result = torch.no_grad(() => f(...xs));
      settlePending();
      return [result].flat()[0] as Tensor;
    });
  const check = digest(await once().data());
  return { step: () => dispose(once()), check };
}

/** The archive in LibTorch's own interpreter, at once. */
async function native(name: string, xs: Tensor[]): Promise<Prepared> {
  const { ScriptModule } = await import('@sconce/backend-libtorch');
  const module = new ScriptModule(modelFile(name, 'pt')).eval();
  const outputs = () => [module.forward(...xs)].flat(Infinity);
  const [first] = outputs();
  return { step: () => dispose(outputs()), check: digest(first.data()) };
}

async function train(torch: typeof Torch, images: Tensor): Promise<Prepared> {
  const { Digits } = await import('../networks.ts');
  const model = new Digits();
  await model.load_state_dict(modelFile('startup', 'safetensors'), { strict: false });
  const optimizer = torch.optim.SGD(model.parameters(), { lr: learningRate });
  const targets = torch.tensor(Array.from(labels(64)), { dtype: 'int64' });
  const step = () =>
    torch.scope(async () => {
      optimizer.zero_grad();
      const loss = torch.nn.functional.cross_entropy(model.forward(images), targets);
      loss.backward();
      optimizer.step();
      return (await loss.item()) as number;
    });
  return { step, check: [await step(), await step(), await step()] };
}

/** One call of the library; Python's reference count frees each result at once, and dispose does the same here. */
async function call(torch: typeof Torch, name: string, [a, b]: Tensor[]): Promise<Prepared> {
  if (name === 'linear') {
    const f = await eager(torch, name);
    return { step: () => dispose(f(a)), check: digest(await (f(a) as Tensor).data()) };
  }
  if (name !== 'add') a.requires_grad_(true);
  if (name === 'add_backward') {
    a.add(b).backward();
    const check = digest(await a.grad!.data());
    const step = () => {
      const sum = a.add(b);
      sum.backward();
      sum.dispose();
    };
    return { step, check };
  }
  const check = digest(await a.add(b).detach().data());
  return { step: () => a.add(b).dispose(), check };
}

async function prepare(name: string, { inputs, kind, inner }: Workload, threads: number): Promise<Prepared> {
  const torch = await import('sconce');
  await torch.use(backend);
  if (kind === 'startup') {
    const model = await torch.jit.load(modelFile(name, 'pt'));
    const x = torch.tensor(numbers(inputs[0], 0)).reshape(inputs[0]);
    const y = (await torch.no_grad(() => model(x))) as Tensor;
    return { step: () => {}, check: digest(await y.data()) };
  }
  setThreads(torch, threads);
  const xs = inputs.map((shape, i) => torch.tensor(numbers(shape, i)).reshape([...shape]));
  if (mode === 'native') return native(name, xs);
  if (name === 'mnist_train') return train(torch, xs[0]);
  return inner > 1 ? call(torch, name, xs) : forward(torch, name, xs);
}

run(prepare);
