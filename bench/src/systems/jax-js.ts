/** jax-js on its wasm backend, jitted, on one thread: `node jax-js.js WORKLOAD 1`. */
import { readFileSync } from 'node:fs';
import { run } from '../serve.ts';
import { digest, modelFile, numbers, type Shape, weightsOf } from '../workloads.ts';
import { peer } from './peers.ts';

run(async (name, { inputs }) => {
  const { numpy: np, nn, jit, init, defaultDevice, tree } = await peer('@jax-js/jax');
  await init('wasm');
  defaultDevice('wasm');
  const array = (values: Float32Array, shape: Shape) => np.array(values).reshape(shape);
  const xs = inputs.map((shape, i) => array(numbers(shape, i), shape));

  /** Arrays are used up by what takes them, `.ref` is one more reference. */
  // biome-ignore lint/suspicious/noExplicitAny: a peer's own interface
  type Value = any;
  const weight = (key: string, transposed = false) => {
    const { shape, values } = weightsOf(name)[key];
    const value = array(values, shape);
    return transposed ? np.transpose(value) : value;
  };

  async function network(): Promise<(...xs: Value[]) => Value> {
    if (name.startsWith('matmul')) return (a, b) => np.matmul(a, b);
    if (name === 'add') return (a, b) => a.add(b);
    if (name === 'softmax') return (x) => nn.softmax(x, -1);
    if (name === 'chain') return (x, y) => nn.gelu(x.ref.mul(2).add(1), { approximate: false }).mul(y).add(x);
    if (name === 'layer_norm') {
      const [scale, shift] = [weight('weight'), weight('bias')];
      return (x) => nn.standardize(x, -1).mul(scale.ref).add(shift.ref);
    }
    if (name === 'lstm') {
      const [wi, wh] = [weight('weight_ih_l0', true), weight('weight_hh_l0', true)];
      const bias = weight('bias_ih_l0').add(weight('bias_hh_l0'));
      return (x) => {
        const gates = np.split(np.matmul(x.reshape([100, 128]), wi.ref).add(bias.ref), 100, 0);
        let [h, c] = [np.zeros([1, 128]), np.zeros([1, 128])];
        const out = [];
        for (const step of gates) {
          const [i, f, g, o] = np.split(step.add(np.matmul(h, wh.ref)), 4, 1);
          c = nn
            .sigmoid(f)
            .mul(c)
            .add(nn.sigmoid(i).mul(np.tanh(g)));
          h = nn.sigmoid(o).mul(np.tanh(c.ref));
          out.push(h.ref);
        }
        h.dispose();
        c.dispose();
        return np.concatenate(out, 0);
      };
    }
    const { ONNXModel } = await peer('@jax-js/onnx');
    const file = modelFile(name, 'onnx');
    const isVision = name === 'resnet18' || name === 'mobilenetv2';
    const model = new ONNXModel(
      new Uint8Array(readFileSync(isVision ? file.replace('.onnx', '_jax.onnx') : file)),
    );
    return (...values) => {
      const out = model.run(Object.fromEntries(values.map((x, i) => [`x${i}`, x])));
      return Object.values(out);
    };
  }

  const f = jit(await network());
  const step = async () => {
    for (const out of tree.leaves(f(...xs.map((x) => x.ref)))) {
      await out.blockUntilReady();
      out.dispose();
    }
  };
  const [first, ...others] = tree.leaves(f(...xs.map((x) => x.ref)));
  const check = digest(await first.data());
  for (const other of others) other.dispose();
  // One element is read without a turn of the event loop.
  return { step: name === 'add' ? () => f(xs[0].ref, xs[1].ref).dataSync() : step, check };
});
