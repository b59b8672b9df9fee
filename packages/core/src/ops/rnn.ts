/** Recurrent networks: cells, and layers of them over sequences, padded or packed. */
import { callOperator } from '../dispatch/call.ts';
import { findOperator, named, op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { fromTypedArray } from '../tensor/create.ts';
import type { TypedArray } from '../tensor/dtype.ts';
import { canReadNow, readRaw, readRawNow } from '../tensor/host.ts';
import type { Scalar } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { catOf } from './join.ts';

const linear = (x: Tensor, weight: Tensor, bias: Tensor | null): Tensor =>
  callOperator(findOperator('aten::linear')!, [x, weight, bias]) as Tensor;
const stack = (list: readonly Tensor[]): Tensor =>
  callOperator(findOperator('aten::stack')!, [list, 0]) as Tensor;

/** One layer in one direction. */
interface Weights {
  readonly ih: Tensor;
  readonly hh: Tensor;
  readonly biasIh: Tensor | null;
  readonly biasHh: Tensor | null;
  /** LSTM's projection of the hidden state. */
  readonly hr: Tensor | null;
}

/** The state after a step: `[h]`, or `[h, c]` for LSTM. */
type State = readonly Tensor[];
/** A step, given the input's share of the gates, which one product computes for all times. */
type Cell = (gates: Tensor, state: State, weights: Weights) => State;

const lstm: Cell = (gates, [h, c], { hh, biasHh, hr }) => {
  const [i, f, g, o] = gates.add(linear(h, hh, biasHh)).chunk(4, -1) as Tensor[];
  const cell = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh())) as Tensor;
  const hidden = o.sigmoid().mul(cell.tanh()) as Tensor;
  return [hr === null ? hidden : linear(hidden, hr, null), cell];
};

const gru: Cell = (gates, [h], { hh, biasHh }) => {
  const [ir, iz, inew] = gates.chunk(3, -1) as unknown as Tensor[];
  const [hr, hz, hnew] = linear(h, hh, biasHh).chunk(3, -1) as unknown as Tensor[];
  const reset = hr.add(ir).sigmoid() as Tensor;
  const update = hz.add(iz).sigmoid() as Tensor;
  const fresh = inew.add(hnew.mul(reset)).tanh() as Tensor;
  return [h.sub(fresh).mul(update).add(fresh)];
};

const simple =
  (activation: 'tanh' | 'relu'): Cell =>
  (gates, [h], { hh, biasHh }) => [gates.add(linear(h, hh, biasHh))[activation]()];

const rowsOf = (state: State, from: number, count: number): State =>
  state.map((t) => t.narrow(0, from, count));

/** A padded sequence: [time, batch, features]. */
function overTime(
  cell: Cell,
  gates: Tensor,
  state: State,
  w: Weights,
  backwards: boolean,
): { output: Tensor; state: State } {
  const steps = gates.unbind(0) as unknown as Tensor[];
  const outputs = new Array<Tensor>(steps.length);
  let now = state;
  for (let k = 0; k < steps.length; k++) {
    const t = backwards ? steps.length - 1 - k : k;
    now = cell(steps[t], now, w);
    outputs[t] = now[0];
  }
  return { output: stack(outputs), state: now };
}

/** A packed sequence: rows of time 0, then of time 1, …; fewer as the shorter sequences end. */
function overPacked(
  cell: Cell,
  gates: Tensor,
  sizes: readonly number[],
  state: State,
  w: Weights,
  backwards: boolean,
): { output: Tensor; state: State } {
  const steps = gates.split_with_sizes(sizes, 0) as unknown as Tensor[];
  const outputs = new Array<Tensor>(steps.length);
  if (backwards) {
    let now = rowsOf(state, 0, sizes[sizes.length - 1]);
    for (let t = steps.length - 1; t >= 0; t--) {
      const [have, want] = [now[0].shape[0], sizes[t]];
      if (want > have) {
        const more = rowsOf(state, have, want - have);
        now = now.map((s, i) => catOf([s, more[i]], 0));
      }
      now = cell(steps[t], now, w);
      outputs[t] = now[0];
    }
    return { output: catOf(outputs, 0), state: now };
  }
  let now = rowsOf(state, 0, sizes[0]);
  const ended: State[] = [];
  for (let t = 0; t < steps.length; t++) {
    const have = now[0].shape[0];
    if (sizes[t] < have) {
      ended.push(rowsOf(now, sizes[t], have - sizes[t]));
      now = rowsOf(now, 0, sizes[t]);
    }
    now = cell(steps[t], now, w);
    outputs[t] = now[0];
  }
  ended.push(now);
  ended.reverse();
  const last = state.map((_, i) =>
    ended.length === 1
      ? ended[0][i]
      : catOf(
          ended.map((s) => s[i]),
          0,
        ),
  );
  return { output: catOf(outputs, 0), state: last };
}

interface Layers {
  readonly params: readonly Tensor[];
  readonly has_biases: boolean;
  readonly num_layers: number;
  readonly dropout: number;
  readonly train: boolean;
  readonly bidirectional: boolean;
}

function weightsOf(params: readonly Tensor[], hasBiases: boolean, hasProjection: boolean): Weights[] {
  const width = 2 + (hasBiases ? 2 : 0) + (hasProjection ? 1 : 0);
  if (params.length % width !== 0) throw new TorchError('got an incorrect number of RNN parameters');
  const out: Weights[] = [];
  for (let i = 0; i < params.length; i += width)
    out.push({
      ih: params[i],
      hh: params[i + 1],
      biasIh: hasBiases ? params[i + 2] : null,
      biasHh: hasBiases ? params[i + 3] : null,
      hr: hasProjection ? params[i + width - 1] : null,
    });
  return out;
}

/** All layers, both directions; `states` has one tensor per part of the state, [layers * directions, batch, hidden]. */
function network(
  cell: Cell,
  input: Tensor,
  states: readonly Tensor[],
  a: Layers,
  sizes: readonly number[] | null,
): Tensor[] {
  const hasProjection = states.length === 2 && states[0].shape[2] !== states[1].shape[2];
  const weights = weightsOf(a.params, a.has_biases, hasProjection);
  const directions = a.bidirectional ? 2 : 1;
  if (weights.length !== a.num_layers * directions)
    throw new TorchError('got an incorrect number of RNN parameters');
  const starts = states.map((s) => s.unbind(0) as unknown as Tensor[]);
  const ends: State[] = [];
  let x = input;
  for (let layer = 0; layer < a.num_layers; layer++) {
    const outputs: Tensor[] = [];
    for (let d = 0; d < directions; d++) {
      const k = layer * directions + d;
      const w = weights[k];
      const gates = linear(x, w.ih, w.biasIh);
      const start = starts.map((s) => s[k]);
      const run =
        sizes === null
          ? overTime(cell, gates, start, w, d === 1)
          : overPacked(cell, gates, sizes, start, w, d === 1);
      outputs.push(run.output);
      ends.push(run.state);
    }
    x = outputs.length === 1 ? outputs[0] : catOf(outputs, -1);
    if (a.dropout !== 0 && a.train && layer < a.num_layers - 1)
      x = callOperator(findOperator('aten::dropout')!, [x, a.dropout, true]) as Tensor;
  }
  return [x, ...states.map((_, i) => stack(ends.map((s) => s[i])))];
}

function padded(
  cell: Cell,
  input: Tensor,
  states: readonly Tensor[],
  a: Layers & { batch_first: boolean },
): Tensor[] {
  const x = (a.batch_first ? input.transpose(0, 1) : input) as Tensor;
  const [output, ...last] = network(cell, x, states, a, null);
  return [a.batch_first ? output.transpose(0, 1) : output, ...last];
}

/** The host's copy of a small index tensor: at once where that is possible, else a promise. */
function withNumbers<T>(t: Tensor, then: (numbers: number[]) => T): T | Promise<T> {
  const numbers = (data: TypedArray): number[] => Array.from(data as ArrayLike<number | bigint>, Number);
  return canReadNow(t) ? then(numbers(readRawNow(t))) : readRaw(t).then((data) => then(numbers(data)));
}

const indexOf = (list: readonly number[], like: Tensor): Tensor =>
  fromTypedArray(BigInt64Array.from(list, BigInt), [list.length], 'int64', like.backend);

/** Rows of time 0 of all sequences, then of time 1, …, with how many there are of each. */
function pack(input: Tensor, lengths: readonly number[], batchFirst: boolean): Tensor[] {
  const x = (batchFirst ? input.transpose(0, 1) : input) as Tensor;
  const [steps, batch] = x.shape;
  if (lengths.length !== batch)
    throw new TorchError(
      `Expected \`len(lengths)\` to be equal to batch_size, but got ${lengths.length} (batch_size=${batch})`,
    );
  lengths.forEach((n, i) => {
    if (n <= 0)
      throw new TorchError(
        "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0",
      );
    if (i > 0 && n > lengths[i - 1])
      throw new TorchError(
        '`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not need ONNX exportability.',
      );
  });
  const sizes = Array.from({ length: lengths[0] }, (_, t) => lengths.filter((n) => n > t).length);
  const rows = sizes.flatMap((n, t) => Array.from({ length: n }, (_, b) => t * batch + b));
  const flat = x.reshape([steps * batch, ...x.shape.slice(2)]) as Tensor;
  return [flat.index_select(0, indexOf(rows, input)), indexOf(sizes, input)];
}

function unpack(
  data: Tensor,
  sizes: readonly number[],
  batchFirst: boolean,
  padding: Scalar,
  total: number,
): Tensor[] {
  if (total > 0 && total < sizes.length)
    throw new TorchError(
      `Expected total_length to be at least the length of the longest sequence in input, but got total_length=${total} and max sequence length being ${sizes.length}`,
    );
  const steps = total > 0 ? total : sizes.length;
  const [batch] = sizes;
  const lengths = Array.from({ length: batch }, (_, b) => sizes.filter((n) => n > b).length);
  const rows = sizes.flatMap((n, t) => Array.from({ length: n }, (_, b) => t * batch + b));
  const rest = data.shape.slice(1);
  const flat = data
    .new_full([steps * batch, ...rest], padding)
    .index_copy(0, indexOf(rows, data), data) as Tensor;
  const out = flat.view([steps, batch, ...rest]) as Tensor;
  return [batchFirst ? out.transpose(0, 1) : out, indexOf(lengths, data)];
}

type Params = 'Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None';
const cellParams: Params = 'Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None';

interface CellArgs {
  readonly input: Tensor;
  readonly w_ih: Tensor;
  readonly w_hh: Tensor;
  readonly b_ih: Tensor | null;
  readonly b_hh: Tensor | null;
}

function step(cell: Cell, state: State, { input, w_ih, w_hh, b_ih, b_hh }: CellArgs): State {
  const [h] = state;
  const width = input.shape[input.shape.length - 1];
  if (width !== w_ih.shape[1])
    throw new TorchError(`input has inconsistent input_size: got ${width} expected ${w_ih.shape[1]}`);
  if (h.shape[h.shape.length - 1] !== w_hh.shape[1])
    throw new TorchError(
      `hidden0 has inconsistent hidden_size: got ${h.shape[h.shape.length - 1]}, expected ${w_hh.shape[1]}`,
    );
  return cell(linear(input, w_ih, b_ih), state, { ih: w_ih, hh: w_hh, biasIh: b_ih, biasHh: b_hh, hr: null });
}

const layers =
  'Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional' as const;

const families: readonly [string, Cell][] = [
  ['gru', gru],
  ['rnn_tanh', simple('tanh')],
  ['rnn_relu', simple('relu')],
];

export const recurrent = [
  op(`lstm.input(Tensor input, Tensor[] hx, ${layers}, bool batch_first) -> (Tensor, Tensor, Tensor)`, {
    define: ({ input, hx, ...a }) => {
      if (hx.length !== 2) throw new TorchError('lstm expects two hidden states');
      return padded(lstm, input, hx, a);
    },
  }),
  op(`lstm.data(Tensor data, Tensor batch_sizes, Tensor[] hx, ${layers}) -> (Tensor, Tensor, Tensor)`, {
    define: ({ data, batch_sizes, hx, ...a }) => {
      if (hx.length !== 2) throw new TorchError('lstm expects two hidden states');
      return withNumbers(batch_sizes, (sizes) => network(lstm, data, hx, a, sizes));
    },
  }),
  op(`lstm_cell(Tensor input, Tensor[] hx, ${cellParams}) -> (Tensor, Tensor)`, {
    define: ({ hx, ...a }) => {
      if (hx.length !== 2) throw new TorchError('lstm_cell expects two hidden states');
      return step(lstm, hx, a);
    },
  }),
  ...families.flatMap(([name, cell]) => [
    ...op(
      named(`${name}.input`, `(Tensor input, Tensor hx, ${layers}, bool batch_first) -> (Tensor, Tensor)`),
      {
        define: ({ input, hx, ...a }) => padded(cell, input, [hx], a),
      },
    ),
    ...op(
      named(`${name}.data`, `(Tensor data, Tensor batch_sizes, Tensor hx, ${layers}) -> (Tensor, Tensor)`),
      {
        define: ({ data, batch_sizes, hx, ...a }) =>
          withNumbers(batch_sizes, (sizes) => network(cell, data, [hx], a, sizes)),
      },
    ),
    ...op(named(`${name}_cell`, `(Tensor input, Tensor hx, ${cellParams}) -> Tensor`), {
      define: ({ hx, ...a }) => step(cell, [hx], a)[0],
    }),
  ]),
  op('_pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first) -> (Tensor, Tensor)', {
    define: ({ input, lengths, batch_first }) =>
      withNumbers(lengths, (numbers) => pack(input, numbers, batch_first)),
  }),
  op(
    '_pad_packed_sequence(Tensor data, Tensor batch_sizes, bool batch_first, Scalar padding_value, int total_length) -> (Tensor, Tensor)',
    {
      define: ({ data, batch_sizes, batch_first, padding_value, total_length }) =>
        withNumbers(batch_sizes, (sizes) => unpack(data, sizes, batch_first, padding_value, total_length)),
    },
  ),
  op(
    'pad_sequence(Tensor[] sequences, bool batch_first=False, float padding_value=0., str padding_side="right") -> Tensor',
    {
      define: ({ sequences, batch_first, padding_value, padding_side }) => {
        if (sequences.length === 0) throw new TorchError('received an empty list of sequences');
        if (padding_side !== 'left' && padding_side !== 'right')
          throw new TorchError(`Expected padding_side to be one of left or right, but got ${padding_side}.`);
        const longest = Math.max(...sequences.map((t) => t.shape[0]));
        const padded = sequences.map((t) => {
          const missing = longest - t.shape[0];
          const ends = padding_side === 'right' ? [0, missing] : [missing, 0];
          const others = new Array(2 * (t.shape.length - 1)).fill(0);
          return t.constant_pad_nd([...others, ...ends], padding_value) as Tensor;
        });
        return callOperator(findOperator('aten::stack')!, [padded, batch_first ? 0 : 1]);
      },
    },
  ),
].flat();
