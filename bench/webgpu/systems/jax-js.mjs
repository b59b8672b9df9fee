// jax-js on WebGPU, compiled by its jit.
import { defaultDevice, init, jit, lax, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import { ONNXModel } from '@jax-js/onnx';
import { labels, learningRate, numbers, weights, workloads } from '../workloads.mjs';

const array = (shape, values) => np.array(values).reshape(shape);

function mnist({ inputs: [images], parameters }) {
  const conv = (x, k, b) => lax.convGeneralDilated(x, k, [1, 1], 'SAME').add(b.reshape([1, -1, 1, 1]));
  const pool = (x) => {
    const [n, c, h, w] = x.shape;
    return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5]);
  };
  const loss = (p, x, y) => {
    let h = pool(nn.relu(conv(x, p.k1, p.b1)));
    h = pool(nn.relu(conv(h, p.k2, p.b2))).reshape([images[0], 1568]);
    const logits = np.matmul(h, p.w).add(p.b);
    return nn
      .logSoftmax(logits, 1)
      .mul(y)
      .sum()
      .mul(-1 / images[0]);
  };
  const update = jit((p, x, y) => {
    const [value, gradients] = valueAndGrad(loss)(tree.ref(p), x, y);
    return [value, tree.map((a, g) => a.sub(g.mul(learningRate)), p, gradients)];
  });
  const names = ['k1', 'b1', 'k2', 'b2', 'w', 'b'];
  let p = Object.fromEntries(names.map((name, i) => [name, array(parameters[i], weights(parameters[i], i))]));
  const x = array(images, numbers(images, 0));
  const y = nn.oneHot(np.array(labels(images[0])), 10);
  return async () => {
    const [value, next] = update(p, x.ref, y.ref);
    p = next;
    return value.data();
  };
}

const operations = {
  matmul512: (a, b) => np.matmul(a, b),
  softmax: (x) => nn.softmax(x, -1),
  chain: (x, y) => nn.gelu(x.ref.mul(2).add(1), { approximate: false }).mul(y).add(x),
  conv: (x, w, b) => lax.convGeneralDilated(x, w, [1, 1], 'SAME').add(b.reshape([1, -1, 1, 1])),
};

export async function prepare(name) {
  await init('webgpu');
  defaultDevice('webgpu');
  const workload = workloads[name];
  if (workload.training) return mnist(workload);
  const arrays = workload.inputs.map((shape, i) => array(shape, numbers(shape, i)));
  if (name === 'resnet18') {
    const file = await (await fetch('/models/resnet18_jax.onnx')).arrayBuffer();
    const model = new ONNXModel(new Uint8Array(file));
    const run = jit((x0) => model.run({ x0 }));
    return async () => Object.values(run(arrays[0].ref))[0].data();
  }
  arrays.push(...(workload.parameters ?? []).map((shape, i) => array(shape, weights(shape, i))));
  const run = jit(operations[name]);
  return async () => run(...arrays.map((a) => a.ref)).data();
}
