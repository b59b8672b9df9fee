/** TensorFlow.js on its wasm backend, networks as its converter writes them: channels last, batch norms folded. `node tfjs.js WORKLOAD 1`. */
import { dirname } from 'node:path';
import { run } from '../serve.ts';
import { digest, numbers, type Shape, type Weight, weightsOf } from '../workloads.ts';
import { peer, peerFile } from './peers.ts';

// biome-ignore lint/suspicious/noExplicitAny: a peer's own interface
type Value = any;
type Network = (...xs: Value[]) => Value;

run(async (name, { inputs }) => {
  const tf = await peer('@tensorflow/tfjs-core');
  const wasm = await peer('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(`${dirname(peerFile('@tensorflow/tfjs-backend-wasm'))}/`);
  await tf.setBackend('wasm');
  await tf.ready();

  const weights: Record<string, Weight> = /matmul|add|chain|softmax/.test(name) ? {} : weightsOf(name);
  const w = (key: string) => tf.tensor(weights[key].values, weights[key].shape);
  /** PyTorch keeps a linear layer's weight transposed. */
  const wT = (key: string) => tf.tidy(() => tf.transpose(w(key)).clone());
  const linear = (x: Value, [weight, bias]: Value[]) => tf.fused.matMul({ a: x, b: weight, bias });
  const images = (shape: Shape, values: Float32Array) =>
    shape.length === 4 && /net|startup/.test(name)
      ? tf.transpose(tf.tensor(values, shape), [0, 2, 3, 1])
      : tf.tensor(values, shape);

  /** A convolution's filter with the batch norm after it multiplied in, in TensorFlow's layout. */
  function folded(conv: string, norm?: string, isDepthwise = false) {
    const { shape, values } = weights[`${conv}.weight`];
    const [out] = shape;
    const bias = weights[`${conv}.bias`]?.values.slice() ?? new Float32Array(out);
    const filter = values.slice();
    if (norm) {
      const part = (key: string) => weights[`${norm}.${key}`].values;
      const per = values.length / out;
      for (let c = 0; c < out; c++) {
        const scale = part('weight')[c] / Math.sqrt(part('running_var')[c] + 1e-5);
        for (let i = 0; i < per; i++) filter[c * per + i] *= scale;
        bias[c] = (bias[c] - part('running_mean')[c]) * scale + part('bias')[c];
      }
    }
    const order = isDepthwise ? [2, 3, 0, 1] : [2, 3, 1, 0];
    return { filter: tf.transpose(tf.tensor(filter, shape), order), bias: tf.tensor(bias) };
  }
  const conv = (x: Value, layer: Value, strides: number, activation: string, pad: number) =>
    tf.fused.conv2d({ x, ...layer, strides, pad, activation });

  function resnet18(): Network {
    const stem = folded('conv1', 'bn1');
    const blocks = [1, 2, 3, 4].flatMap((layer) =>
      [0, 1].map((block) => {
        const at = `layer${layer}.${block}`;
        const changes = layer > 1 && block === 0;
        return {
          a: folded(`${at}.conv1`, `${at}.bn1`),
          b: folded(`${at}.conv2`, `${at}.bn2`),
          shortcut: changes && folded(`${at}.downsample.0`, `${at}.downsample.1`),
          stride: changes ? 2 : 1,
        };
      }),
    );
    const head = [wT('fc.weight'), w('fc.bias')];
    return (x) => {
      let h = tf.maxPool(conv(x, stem, 2, 'relu', 3), 3, 2, 1);
      for (const { a, b, shortcut, stride } of blocks) {
        const rest = shortcut ? conv(h, shortcut, stride, 'linear', 0) : h;
        h = tf.relu(tf.add(conv(conv(h, a, stride, 'relu', 1), b, 1, 'linear', 1), rest));
      }
      return linear(tf.mean(h, [1, 2]), head);
    };
  }

  function mobilenetv2(): Network {
    const settings = [
      [1, 16, 1, 1],
      [6, 24, 2, 2],
      [6, 32, 3, 2],
      [6, 64, 4, 2],
      [6, 96, 3, 1],
      [6, 160, 3, 2],
      [6, 320, 1, 1],
    ];
    const stem = folded('features.0.0', 'features.0.1');
    const blocks: Value[] = [];
    let from = 32;
    let at = 1;
    for (const [expand, to, repeat, first] of settings)
      for (let i = 0; i < repeat; i++, at++) {
        const f = `features.${at}.conv`;
        const stride = i === 0 ? first : 1;
        const next = expand > 1 ? 1 : 0;
        blocks.push({
          expand: expand > 1 && folded(`${f}.0.0`, `${f}.0.1`),
          depthwise: folded(`${f}.${next}.0`, `${f}.${next}.1`, true),
          project: folded(`${f}.${next + 1}`, `${f}.${next + 2}`),
          stride,
          isResidual: stride === 1 && from === to,
        });
        from = to;
      }
    const last = folded('features.18.0', 'features.18.1');
    const head = [wT('classifier.1.weight'), w('classifier.1.bias')];
    return (x) => {
      let h = conv(x, stem, 2, 'relu6', 1);
      for (const { expand, depthwise, project, stride, isResidual } of blocks) {
        let y = expand ? conv(h, expand, 1, 'relu6', 0) : h;
        y = tf.fused.depthwiseConv2d({ x: y, ...depthwise, strides: stride, pad: 1, activation: 'relu6' });
        y = conv(y, project, 1, 'linear', 0);
        h = isResidual ? tf.add(h, y) : y;
      }
      return linear(tf.mean(conv(h, last, 1, 'relu6', 0), [1, 2]), head);
    };
  }

  const norm = (x: Value, [scale, shift]: Value[]) => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5))), scale), shift);
  };
  const gelu = (x: Value) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));

  function transformer(isDecode: boolean): Network {
    const [length, width, count] = [isDecode ? 1 : 128, 384, 6];
    const layers = Array.from({ length: 6 }, (_, i) => {
      const pair = (part: string) => [wT(`blocks.${i}.${part}.weight`), w(`blocks.${i}.${part}.bias`)];
      const plain = (part: string) => [w(`blocks.${i}.${part}.weight`), w(`blocks.${i}.${part}.bias`)];
      return {
        ln1: plain('ln1'),
        ln2: plain('ln2'),
        qkv: pair('qkv'),
        proj: pair('proj'),
        fc: pair('fc'),
        out: pair('out'),
      };
    });
    const mask = isDecode ? null : w('mask');
    const heads = (t: Value) => tf.transpose(tf.reshape(t, [length, count, width / count]), [1, 0, 2]);
    return (x, ...past) => {
      const cache: Value[] = [];
      let h = tf.reshape(x, [length, width]);
      layers.forEach((layer, i) => {
        let [q, k, v] = tf.split(linear(norm(h, layer.ln1), layer.qkv), 3, 1).map(heads);
        if (isDecode) {
          k = tf.concat([tf.reshape(past[2 * i], [count, 128, width / count]), k], 1);
          v = tf.concat([tf.reshape(past[2 * i + 1], [count, 128, width / count]), v], 1);
          cache.push(k, v);
        }
        let scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width / count));
        if (mask) scores = tf.add(scores, mask);
        const context = tf.transpose(tf.matMul(tf.softmax(scores), v), [1, 0, 2]);
        h = tf.add(h, linear(tf.reshape(context, [length, width]), layer.proj));
        h = tf.add(h, linear(gelu(linear(norm(h, layer.ln2), layer.fc)), layer.out));
      });
      return [h, ...cache];
    };
  }

  function lstm(): Network {
    const [wi, wh] = [wT('weight_ih_l0'), wT('weight_hh_l0')];
    const bias = tf.add(w('bias_ih_l0'), w('bias_hh_l0'));
    return (x) => {
      const steps = tf.split(linear(tf.reshape(x, [100, 128]), [wi, bias]), 100, 0);
      let [h, c] = [tf.zeros([1, 128]), tf.zeros([1, 128])];
      const out = [];
      for (const step of steps) {
        const [i, f, g, o] = tf.split(tf.add(step, tf.matMul(h, wh)), 4, 1);
        c = tf.add(tf.mul(tf.sigmoid(f), c), tf.mul(tf.sigmoid(i), tf.tanh(g)));
        h = tf.mul(tf.sigmoid(o), tf.tanh(c));
        out.push(h);
      }
      return tf.concat(out, 0);
    };
  }

  function digits(): Network {
    const [a, b] = [folded('c1'), folded('c2')];
    // The linear layer's columns are ordered channels first.
    const weight = tf.tidy(() =>
      tf.reshape(tf.transpose(tf.reshape(w('l.weight'), [10, 32, 7, 7]), [2, 3, 1, 0]), [1568, 10]).clone(),
    );
    const bias = w('l.bias');
    return (x) => {
      const h = tf.maxPool(conv(x, a, 1, 'relu', 2), 2, 2, 'valid');
      const pooled = tf.maxPool(conv(h, b, 1, 'relu', 2), 2, 2, 'valid');
      return linear(tf.reshape(pooled, [1, 1568]), [weight, bias]);
    };
  }

  const networks: Record<string, () => Network> = {
    resnet18,
    mobilenetv2,
    prefill: () => transformer(false),
    decode: () => transformer(true),
    lstm,
    startup: digits,
    add: () => (a, b) => tf.add(a, b),
    chain: () => (x, y) => tf.add(tf.mul(gelu(tf.add(tf.mul(x, 2), 1)), y), x),
    softmax: () => (x) => tf.softmax(x),
    layer_norm: () => {
      const parameters = [w('weight'), w('bias')];
      return (x) => norm(x, parameters);
    },
  };
  const network = name.startsWith('matmul') ? (a: Value, b: Value) => tf.matMul(a, b) : networks[name]();
  const xs = inputs.map((shape, i) => images(shape, numbers(shape, i)));
  const compute = () => [tf.tidy(() => network(...xs))].flat();
  const step = () => {
    for (const out of compute()) out.dispose();
  };
  const [first] = compute();
  return { step, check: digest(await first.data()) };
});
