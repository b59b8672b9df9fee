/** Cells of recurrent networks, of which PyTorch records the parts. */
import { callOperator, findOperator, type Operator, type Tensor } from '../ops/core.ts';

/** `own` gives a tensor that may be changed in place the same value in memory of its own. */
type Cell = (args: readonly unknown[], own: (tensor: Tensor) => Tensor) => unknown;

const call = (name: string, ...args: unknown[]): Tensor =>
  callOperator(findOperator(`aten::${name}`) as Operator, args) as Tensor;
const linear = (x: unknown, w: unknown, b: unknown): Tensor => call('linear', x, w, b);
const add_ = (a: Tensor, b: Tensor): Tensor => call('add_.Tensor', a, b, 1);
const chunks = (x: Tensor, n: number, own: (tensor: Tensor) => Tensor): Tensor[] =>
  (callOperator(findOperator('aten::unsafe_chunk') as Operator, [x, n, 1]) as Tensor[]).map(own);

const lstm: Cell = ([input, hx, w_ih, w_hh, b_ih, b_hh], own) => {
  const [h, c] = hx as [Tensor, Tensor];
  const gates = add_(linear(h, w_hh, b_hh), linear(input, w_ih, b_ih));
  const [i, f, g, o] = chunks(gates, 4, own);
  const ingate = call('sigmoid_', i);
  const forget = call('sigmoid_', f);
  const cell = call('tanh_', g);
  const outgate = call('sigmoid_', o);
  const cy = add_(call('mul.Tensor', forget, c), call('mul.Tensor', ingate, cell));
  const hy = call('mul.Tensor', outgate, call('tanh', cy));
  return [hy, cy];
};

const gru: Cell = ([input, hx, w_ih, w_hh, b_ih, b_hh], own) => {
  const [ir, iz, inew] = chunks(linear(input, w_ih, b_ih), 3, own);
  const [hr, hz, hnew] = chunks(linear(hx, w_hh, b_hh), 3, own);
  const reset = call('sigmoid_', add_(hr, ir));
  const update = call('sigmoid_', add_(hz, iz));
  const fresh = call('tanh_', call('add.Tensor', inew, call('mul_.Tensor', hnew, reset), 1));
  const kept = call('mul_.Tensor', call('sub.Tensor', hx, fresh, 1), update);
  return add_(kept, fresh);
};

const simple =
  (activation: string): Cell =>
  ([input, hx, w_ih, w_hh, b_ih, b_hh]) =>
    call(activation, add_(linear(hx, w_hh, b_hh), linear(input, w_ih, b_ih)));

const cells: Readonly<Record<string, Cell>> = {
  'aten::lstm_cell': lstm,
  'aten::gru_cell': gru,
  'aten::rnn_tanh_cell': simple('tanh'),
  'aten::rnn_relu_cell': simple('relu'),
};

export const decomposed = (name: string): Cell | undefined => cells[name];
