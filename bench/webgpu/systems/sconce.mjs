// Sconce on its webgpu backend.
import * as torch from 'sconce';
import { labels, learningRate, numbers, weights, workloads } from '../workloads.mjs';

const F = torch.nn.functional;
let backend;

const tensor = (shape, values) => torch.tensor(values).reshape(shape);

/** A training step: the net's parameters move, and the loss is read. */
function mnist({ inputs: [images], parameters }) {
  const x = tensor(images, numbers(images, 0));
  const y = torch.tensor(BigInt64Array.from(labels(images[0]), BigInt));
  const p = parameters.map((shape, i) => tensor(shape, weights(shape, i)).requires_grad_(true));
  const optimizer = new torch.optim.SGD(p, { lr: learningRate });
  return async () => {
    const loss = torch.scope(() => {
      let h = F.max_pool2d(F.relu(F.conv2d(x, p[0], p[1], 1, 2)), 2);
      h = F.max_pool2d(F.relu(F.conv2d(h, p[2], p[3], 1, 2)), 2);
      const loss = F.cross_entropy(h.reshape([images[0], 1568]).matmul(p[4]).add(p[5]), y);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      return loss.detach();
    });
    const value = await loss.data();
    loss.dispose();
    return value;
  };
}

const operations = {
  matmul512: ([a, b]) => torch.matmul(a, b),
  conv: ([x], [w, b]) => F.conv2d(x, w, b, 1, 1),
  softmax: ([x]) => torch.softmax(x, -1),
  chain: ([x, y]) => F.gelu(x.mul(2).add(1)).mul(y).add(x),
};

async function operationOf(name, inputs, parameters) {
  if (name !== 'resnet18') return () => operations[name](inputs, parameters);
  const response = await fetch('/models/resnet18.pt');
  const model = await torch.jit.load(await response.arrayBuffer());
  model.eval();
  return () => model(inputs[0]);
}

/** Resolves to a function that runs one step and resolves to the values that it read. */
export async function prepare(name) {
  if (!backend) {
    backend = await (await import('@sconce/backend-webgpu')).webgpu();
    await torch.use(backend);
  }
  const workload = workloads[name];
  if (workload.training) return mnist(workload);
  const inputs = workload.inputs.map((shape, i) => tensor(shape, numbers(shape, i)));
  const parameters = (workload.parameters ?? []).map((shape, i) => tensor(shape, weights(shape, i)));
  const operation = await operationOf(name, inputs, parameters);
  return () =>
    torch.no_grad(async () => {
      const result = await operation();
      const values = await result.data();
      result.dispose();
      return values;
    });
}

/** Dispatches and submits of one step, with deferred fusion on and off. */
export async function count(name) {
  const step = await prepare(name);
  const counts = {};
  for (const fusion of [false, true]) {
    torch.set_fusion_enabled(fusion);
    for (let i = 0; i < 2; i++) await step();
    const before = backend.statistics();
    await step();
    const after = backend.statistics();
    counts[fusion ? 'on' : 'off'] = {
      dispatches: after.dispatches - before.dispatches,
      submits: after.submits - before.submits,
    };
  }
  torch.set_fusion_enabled(null);
  return counts;
}
