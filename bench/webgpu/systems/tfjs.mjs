// TensorFlow.js on its webgpu backend, in its own layout (channels last), batch norms folded as its converter does.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-webgpu';
import { labels, learningRate, numbers, weights, workloads } from '../workloads.mjs';

const nhwc = (shape, values) => tf.transpose(tf.tensor(values, shape), [0, 2, 3, 1]);
const filter = (shape, values) => tf.transpose(tf.tensor(values, shape), [2, 3, 1, 0]);

/** The network of torchvision with weights of its own: of the same cost, not of the same values. */
function resnet18([shape]) {
  const random = (s) => tf.randomNormal(s, 0, 0.05);
  const layer = (from, to, size) => ({ filter: random([size, size, from, to]), bias: random([to]) });
  const conv = (x, { filter, bias }, strides, activation, pad) =>
    tf.fused.conv2d({ x, filter, strides, pad, bias, activation });
  const stem = layer(3, 64, 7);
  const blocks = [];
  let from = 64;
  for (const [to, first] of [
    [64, 1],
    [128, 2],
    [256, 2],
    [512, 2],
  ])
    for (const stride of [first, 1]) {
      const changes = stride !== 1 || from !== to;
      blocks.push({
        a: layer(from, to, 3),
        b: layer(to, to, 3),
        shortcut: changes && layer(from, to, 1),
        stride,
      });
      from = to;
    }
  const [w, b] = [random([512, 1000]), random([1000])];
  const x = nhwc(shape, numbers(shape, 0));
  return () => {
    let h = tf.maxPool(conv(x, stem, 2, 'relu', 3), 3, 2, 1);
    for (const block of blocks) {
      const rest = block.shortcut ? conv(h, block.shortcut, block.stride, 'linear', 'same') : h;
      const y = conv(h, block.a, block.stride, 'relu', 1);
      h = tf.relu(tf.add(conv(y, block.b, 1, 'linear', 1), rest));
    }
    return tf.add(tf.matMul(tf.mean(h, [1, 2]), w), b);
  };
}

function mnist({ inputs: [images], parameters }) {
  const x = nhwc(images, numbers(images, 0));
  const y = tf.oneHot(tf.tensor1d(labels(images[0]), 'int32'), 10);
  const values = parameters.map((shape, i) =>
    tf.variable(shape.length === 4 ? filter(shape, weights(shape, i)) : tf.tensor(weights(shape, i), shape)),
  );
  const [k1, b1, k2, b2, w, b] = values;
  const optimizer = tf.train.sgd(learningRate);
  const block = (h, k, bias) => tf.maxPool(tf.relu(tf.add(tf.conv2d(h, k, 1, 'same'), bias)), 2, 2, 'valid');
  const loss = () => {
    // Channels first before the flattening, as the others have it.
    const h = tf.transpose(block(block(x, k1, b1), k2, b2), [0, 3, 1, 2]);
    return tf.losses.softmaxCrossEntropy(y, tf.add(tf.matMul(tf.reshape(h, [images[0], 1568]), w), b));
  };
  return () => optimizer.minimize(loss, true);
}

/** Values come in PyTorch's order only where the layout is the same. */
export const isComparable = (name) => name !== 'resnet18';

function operationOf(name, { inputs, parameters = [] }) {
  const [x, y] = inputs.map((shape, i) => tf.tensor(numbers(shape, i), shape));
  switch (name) {
    case 'matmul512':
      return () => tf.matMul(x, y);
    case 'softmax':
      return () => tf.softmax(x);
    case 'chain':
      return () => {
        const u = tf.add(tf.mul(x, 2), 1);
        const gelu = tf.mul(tf.mul(u, 0.5), tf.add(tf.erf(tf.mul(u, Math.SQRT1_2)), 1));
        return tf.add(tf.mul(gelu, y), x);
      };
    case 'conv': {
      const image = nhwc(inputs[0], numbers(inputs[0], 0));
      const k = filter(parameters[0], weights(parameters[0], 0));
      const bias = tf.tensor(weights(parameters[1], 1));
      return () => tf.fused.conv2d({ x: image, filter: k, strides: 1, pad: 1, bias });
    }
    case 'resnet18':
      return resnet18(inputs);
  }
}

export async function prepare(name) {
  await tf.setBackend('webgpu');
  await tf.ready();
  const workload = workloads[name];
  const run = workload.training ? mnist(workload) : operationOf(name, workload);
  return async () => {
    const result = workload.training ? run() : tf.tidy(run);
    const values = await result.data();
    result.dispose();
    // Channels last: the first channel of the first pixels.
    return name === 'conv' ? values.filter((_, i) => i % 64 === 0 && i < 64 * 64) : values;
  };
}
