/** Recurrent layers over dynamically quantised products: `quantized_lstm` and `quantized_gru`, as `quantize_dynamic` writes them. */
import { callOperator } from '../../dispatch/call.ts';
import { findOperator, op } from '../../dispatch/operator.ts';
import { NotSupportedError, TorchError } from '../../errors.ts';
import { type Cell, packedCell, packedClasses } from '../../tensor/packed.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { catOf } from '../join.ts';
import { dynamicLinear } from './product.ts';

type Waiting = Tensor | Promise<Tensor>;
/** A computation that yields what may have to be waited for. */
type Steps<T> = Generator<Waiting, T, Tensor>;

/** Runs to the end: at once where nothing must be waited for. */
function drive<T>(steps: Steps<T>, sent?: Tensor): T | Promise<T> {
  let next = sent === undefined ? steps.next() : steps.next(sent);
  while (!next.done) {
    const { value } = next;
    if (value instanceof Promise) return value.then((tensor) => drive(steps, tensor));
    next = steps.next(value);
  }
  return next.value;
}

/** `[h]`, or `[h, c]` for LSTM. */
type State = readonly Tensor[];
type Step = (input: Tensor, hidden: Tensor, state: State) => State;

const lstm: Step = (input, hidden, [, c]) => {
  const [i, f, g, o] = hidden.add(input).chunk(4, -1) as Tensor[];
  const cell = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh())) as Tensor;
  return [o.sigmoid().mul(cell.tanh()) as Tensor, cell];
};

const gru: Step = (input, hidden, [h]) => {
  const [ir, iz, inew] = input.chunk(3, -1) as Tensor[];
  const [hr, hz, hnew] = hidden.chunk(3, -1) as Tensor[];
  const update = hz.add(iz).sigmoid() as Tensor;
  const fresh = inew.add(hnew.mul(hr.add(ir).sigmoid())).tanh() as Tensor;
  return [h.sub(fresh).mul(update).add(fresh)];
};

/** One layer in one direction over [time, batch, features]; the input's products are of all times at once. */
function* overTime(
  x: Tensor,
  start: State,
  cell: Cell,
  step: Step,
  backwards: boolean,
): Steps<[Tensor, State]> {
  const inputs = (yield dynamicLinear(x, cell.ih, cell.reduce_range)).unbind(0) as Tensor[];
  const outputs = new Array<Tensor>(inputs.length);
  let state = start;
  for (let k = 0; k < inputs.length; k++) {
    const t = backwards ? inputs.length - 1 - k : k;
    const hidden = yield dynamicLinear(state[0], cell.hh, cell.reduce_range);
    state = step(inputs[t], hidden, state);
    outputs[t] = state[0];
  }
  return [callOperator(findOperator('aten::stack')!, [outputs, 0]) as Tensor, state];
}

interface Layers {
  readonly num_layers: number;
  readonly dropout: number;
  readonly train: boolean;
  readonly bidirectional: boolean;
  readonly batch_first: boolean;
}

function* overLayers(
  input: Tensor,
  start: State,
  cells: readonly Cell[],
  step: Step,
  a: Layers,
): Steps<[output: Tensor, last: State]> {
  const directions = a.bidirectional ? 2 : 1;
  if (cells.length !== a.num_layers * directions)
    throw new TorchError(
      `quantized rnn: ${cells.length} cells for ${a.num_layers} layers of ${directions} directions`,
    );
  if (a.train && a.dropout > 0)
    throw new NotSupportedError('quantized rnn: dropout in training; call eval() on the module');
  let x = (a.batch_first ? input.transpose(0, 1) : input) as Tensor;
  const last: State[] = [];
  for (let layer = 0; layer < a.num_layers; layer++) {
    const outputs: Tensor[] = [];
    for (let d = 0; d < directions; d++) {
      const at = layer * directions + d;
      const [output, state] = yield* overTime(
        x,
        start.map((t) => t.select(0, at) as Tensor),
        cells[at],
        step,
        d === 1,
      );
      outputs.push(output);
      last.push(state);
    }
    x = outputs.length === 1 ? outputs[0] : catOf(outputs, -1);
  }
  const stacked = start.map(
    (_, k) => callOperator(findOperator('aten::stack')!, [last.map((state) => state[k]), 0]) as Tensor,
  );
  return [(a.batch_first ? x.transpose(0, 1) : x) as Tensor, stacked];
}

const results = (done: [Tensor, State] | Promise<[Tensor, State]>): unknown =>
  done instanceof Promise ? done.then(([y, state]) => [y, ...state]) : [done[0], ...done[1]];

const { cell: CELL } = packedClasses;

const refusePacked = (name: string) => (): never => {
  throw new NotSupportedError(`${name}: packed sequences are not there for quantised layers; pad them`);
};

export const quantizedRecurrent = [
  op(
    `quantized_lstm.input(Tensor input, Tensor[] hx, ${CELL}[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first, *, ScalarType? dtype=None, bool use_dynamic=False) -> (Tensor, Tensor, Tensor)`,
    {
      grad: 'none',
      define: ({ input, hx, params, ...a }) =>
        results(drive(overLayers(input, hx, (params as readonly unknown[]).map(packedCell), lstm, a))),
    },
  ),
  op(
    `quantized_lstm.data(Tensor data, Tensor batch_sizes, Tensor[] hx, ${CELL}[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, *, ScalarType? dtype=None, bool use_dynamic=False) -> (Tensor, Tensor, Tensor)`,
    { grad: 'none', define: refusePacked('quantized_lstm') },
  ),
  op(
    `quantized_gru.input(Tensor input, Tensor hx, ${CELL}[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)`,
    {
      grad: 'none',
      define: ({ input, hx, params, ...a }) =>
        results(drive(overLayers(input, [hx], (params as readonly unknown[]).map(packedCell), gru, a))),
    },
  ),
  op(
    `quantized_gru.data(Tensor data, Tensor batch_sizes, Tensor hx, ${CELL}[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)`,
    { grad: 'none', define: refusePacked('quantized_gru') },
  ),
].flat();
