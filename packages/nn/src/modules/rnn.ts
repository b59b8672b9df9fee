/** Recurrent layers and their cells. */
import { ArgumentError, callable, Module, Parameter, type Tensor } from '@sconce/core';
import * as init from '../init.ts';
import { keywords } from '../keywords.ts';
import { float } from '../print.ts';
import { torch } from '../torch.ts';

export interface RnnOptions {
  num_layers: number;
  bias: boolean;
  batch_first: boolean;
  dropout: number;
  bidirectional: boolean;
  nonlinearity: 'tanh' | 'relu';
}

/** As PyTorch asks for them, so that traces agree. */
const zerosLike = (input: Tensor, shape: readonly number[]): Tensor =>
  torch.zeros(shape, { dtype: input.dtype, device: input.backend as never });

type Rest = (number | boolean | string | Partial<RnnOptions>)[];

abstract class RecurrentBase extends Module {
  readonly input_size: number;
  readonly hidden_size: number;
  readonly num_layers: number;
  readonly bias: boolean;
  readonly batch_first: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;

  constructor(gates: number, input_size: number, hidden_size: number, o: Partial<RnnOptions>) {
    super();
    this.input_size = input_size;
    this.hidden_size = hidden_size;
    this.num_layers = o.num_layers ?? 1;
    this.bias = o.bias ?? true;
    this.batch_first = o.batch_first ?? false;
    this.dropout = o.dropout ?? 0;
    this.bidirectional = o.bidirectional ?? false;
    const directions = this.bidirectional ? 2 : 1;
    for (let l = 0; l < this.num_layers; l++)
      for (let d = 0; d < directions; d++) {
        const suffix = `l${l}${d === 1 ? '_reverse' : ''}`;
        const width = l === 0 ? input_size : hidden_size * directions;
        this.register_parameter(`weight_ih_${suffix}`, Parameter(torch.empty([gates * hidden_size, width])));
        this.register_parameter(
          `weight_hh_${suffix}`,
          Parameter(torch.empty([gates * hidden_size, hidden_size])),
        );
        if (this.bias) {
          this.register_parameter(`bias_ih_${suffix}`, Parameter(torch.empty([gates * hidden_size])));
          this.register_parameter(`bias_hh_${suffix}`, Parameter(torch.empty([gates * hidden_size])));
        }
      }
    const bound = hidden_size > 0 ? 1 / Math.sqrt(hidden_size) : 0;
    for (const p of this.parameters()) init.uniform_(p, -bound, bound);
  }

  /** For a batch: what is given, or zeros where no state is: [layers * directions, batch, hidden]. */
  protected states(
    input: Tensor,
    given: readonly (Tensor | undefined | null)[],
    isBatched: boolean,
  ): Tensor[] {
    if (given.every((state) => state != null))
      return given.map((state) => (isBatched ? state! : state!.unsqueeze(1)));
    const directions = this.bidirectional ? 2 : 1;
    const batch = input.size(this.batch_first ? 0 : 1) as unknown as number;
    return given.map(() => zerosLike(input, [this.num_layers * directions, batch, this.hidden_size]));
  }

  /** An unbatched sequence is a batch of one. */
  protected batched<T>(input: Tensor, run: (x: Tensor, isBatched: boolean) => T): T {
    if (input.ndim !== 2 && input.ndim !== 3)
      throw new ArgumentError(
        `${this._get_name()}: Expected input to be 2-D or 3-D but received ${input.ndim}-D tensor`,
      );
    return run(input.ndim === 3 ? input : input.unsqueeze(this.batch_first ? 0 : 1), input.ndim === 3);
  }

  override extra_repr(): string {
    const parts = [`${this.input_size}, ${this.hidden_size}`];
    if (this.num_layers !== 1) parts.push(`num_layers=${this.num_layers}`);
    if (!this.bias) parts.push('bias=False');
    if (this.batch_first) parts.push('batch_first=True');
    if (this.dropout !== 0) parts.push(`dropout=${float(this.dropout)}`);
    if (this.bidirectional) parts.push('bidirectional=True');
    return parts.join(', ');
  }
}

const names = ['num_layers', 'bias', 'batch_first', 'dropout', 'bidirectional'] as const;

class LSTMClass extends RecurrentBase {
  /** `nn.LSTM(input_size, hidden_size, { num_layers, bias, batch_first, dropout, bidirectional })`; gives [output, [h, c]]. */
  constructor(input_size: number, hidden_size: number, ...rest: Rest) {
    super(4, input_size, hidden_size, keywords<RnnOptions>('LSTM', names, rest));
  }
  override forward(input: Tensor, hx?: readonly [Tensor, Tensor] | null): [Tensor, [Tensor, Tensor]] {
    return this.batched(input, (x, isBatched) => {
      const [h0, c0] = this.states(x, [hx?.[0], hx?.[1]], isBatched);
      const [out, h, c] = torch.lstm(
        x,
        [h0, c0],
        [...this.parameters()],
        this.bias,
        this.num_layers,
        this.dropout,
        this.training,
        this.bidirectional,
        this.batch_first,
      );
      const narrow = (t: Tensor, dim: number): Tensor => (isBatched ? t : t.squeeze(dim));
      return [narrow(out, this.batch_first ? 0 : 1), [narrow(h, 1), narrow(c, 1)]];
    });
  }
}
export const LSTM = /* @__PURE__ */ callable(LSTMClass, 'LSTM');

type SingleState = (
  input: Tensor,
  hx: Tensor,
  params: Tensor[],
  bias: boolean,
  layers: number,
  dropout: number,
  train: boolean,
  bidirectional: boolean,
  batch_first: boolean,
) => [Tensor, Tensor];

abstract class SingleStateBase extends RecurrentBase {
  protected run(operator: SingleState, input: Tensor, hx?: Tensor | null): [Tensor, Tensor] {
    return this.batched(input, (x, isBatched) => {
      const [h0] = this.states(x, [hx], isBatched);
      const [out, h] = operator(
        x,
        h0,
        [...this.parameters()],
        this.bias,
        this.num_layers,
        this.dropout,
        this.training,
        this.bidirectional,
        this.batch_first,
      );
      return isBatched ? [out, h] : [out.squeeze(this.batch_first ? 0 : 1), h.squeeze(1)];
    });
  }
}

class GRUClass extends SingleStateBase {
  /** `nn.GRU(input_size, hidden_size, { … })`; gives [output, h]. */
  constructor(input_size: number, hidden_size: number, ...rest: Rest) {
    super(3, input_size, hidden_size, keywords<RnnOptions>('GRU', names, rest));
  }
  override forward(input: Tensor, hx?: Tensor | null): [Tensor, Tensor] {
    return this.run(torch.gru as unknown as SingleState, input, hx);
  }
}
export const GRU = /* @__PURE__ */ callable(GRUClass, 'GRU');

class RNNClass extends SingleStateBase {
  readonly nonlinearity: 'tanh' | 'relu';
  /** `nn.RNN(input_size, hidden_size, { num_layers, nonlinearity, … })`; gives [output, h]. */
  constructor(input_size: number, hidden_size: number, ...rest: Rest) {
    const o = keywords<RnnOptions>(
      'RNN',
      ['num_layers', 'nonlinearity', 'bias', 'batch_first', 'dropout', 'bidirectional'],
      rest,
    );
    super(1, input_size, hidden_size, o);
    this.nonlinearity = o.nonlinearity ?? 'tanh';
  }
  override forward(input: Tensor, hx?: Tensor | null): [Tensor, Tensor] {
    return this.run(
      (this.nonlinearity === 'tanh' ? torch.rnn_tanh : torch.rnn_relu) as unknown as SingleState,
      input,
      hx,
    );
  }
}
export const RNN = /* @__PURE__ */ callable(RNNClass, 'RNN');

abstract class CellBase extends Module {
  readonly input_size: number;
  readonly hidden_size: number;
  readonly weight_ih: Parameter;
  readonly weight_hh: Parameter;
  readonly bias_ih: Parameter | null;
  readonly bias_hh: Parameter | null;

  constructor(gates: number, input_size: number, hidden_size: number, bias: boolean) {
    super();
    this.input_size = input_size;
    this.hidden_size = hidden_size;
    this.weight_ih = Parameter(torch.empty([gates * hidden_size, input_size]));
    this.weight_hh = Parameter(torch.empty([gates * hidden_size, hidden_size]));
    this.bias_ih = bias ? Parameter(torch.empty([gates * hidden_size])) : null;
    this.bias_hh = bias ? Parameter(torch.empty([gates * hidden_size])) : null;
    const bound = hidden_size > 0 ? 1 / Math.sqrt(hidden_size) : 0;
    for (const p of this.parameters()) init.uniform_(p, -bound, bound);
  }

  protected zeros(input: Tensor): Tensor {
    return zerosLike(input, [...(input.ndim === 2 ? [input.size(0)] : []), this.hidden_size]);
  }

  override extra_repr(): string {
    return `${this.input_size}, ${this.hidden_size}${this.bias_ih ? '' : ', bias=False'}`;
  }
}

interface CellOptions {
  bias: boolean;
  nonlinearity: 'tanh' | 'relu';
}

class LSTMCellClass extends CellBase {
  constructor(input_size: number, hidden_size: number, ...rest: (boolean | Partial<CellOptions>)[]) {
    super(4, input_size, hidden_size, keywords<CellOptions>('LSTMCell', ['bias'], rest).bias ?? true);
  }
  override forward(input: Tensor, hx?: readonly [Tensor, Tensor]): [Tensor, Tensor] {
    let [h, c] = hx ?? [];
    if (!h || !c) h = c = this.zeros(input);
    return torch.lstm_cell(input, [h, c], this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh);
  }
}
export const LSTMCell = /* @__PURE__ */ callable(LSTMCellClass, 'LSTMCell');

class GRUCellClass extends CellBase {
  constructor(input_size: number, hidden_size: number, ...rest: (boolean | Partial<CellOptions>)[]) {
    super(3, input_size, hidden_size, keywords<CellOptions>('GRUCell', ['bias'], rest).bias ?? true);
  }
  override forward(input: Tensor, hx?: Tensor): Tensor {
    return torch.gru_cell(
      input,
      hx ?? this.zeros(input),
      this.weight_ih,
      this.weight_hh,
      this.bias_ih,
      this.bias_hh,
    );
  }
}
export const GRUCell = /* @__PURE__ */ callable(GRUCellClass, 'GRUCell');

class RNNCellClass extends CellBase {
  readonly nonlinearity: 'tanh' | 'relu';
  constructor(input_size: number, hidden_size: number, ...rest: (boolean | string | Partial<CellOptions>)[]) {
    const o = keywords<CellOptions>('RNNCell', ['bias', 'nonlinearity'], rest);
    super(1, input_size, hidden_size, o.bias ?? true);
    this.nonlinearity = o.nonlinearity ?? 'tanh';
  }
  override forward(input: Tensor, hx?: Tensor): Tensor {
    const cell = this.nonlinearity === 'tanh' ? torch.rnn_tanh_cell : torch.rnn_relu_cell;
    return cell(input, hx ?? this.zeros(input), this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh);
  }
}
export const RNNCell = /* @__PURE__ */ callable(RNNCellClass, 'RNNCell');
