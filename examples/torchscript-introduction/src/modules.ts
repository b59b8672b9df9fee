/** The tutorial's modules. A forward with a branch or with a scripted child waits for it; `jit.script` compiles it all the same. */

import type { Tensor } from 'sconce';
import * as torch from 'sconce';

const { nn } = torch;

type Pair = [Tensor, Tensor];

/** What the scripted forwards use of this file: needed where a bundler has renamed the import. */
export const given = (): Record<string, unknown> => ({ torch });

/** The first cell: no parameters yet. */
export const PlainCell = class MyCell extends nn.Module {
  override forward(x: Tensor, h: Tensor): Pair {
    const new_h = torch.tanh(x.add(h));
    return [new_h, new_h];
  }
};

/** The second: with a linear layer. */
export const LinearCell = class MyCell extends nn.Module {
  linear = nn.Linear(4, 4);

  override forward(x: Tensor, h: Tensor): Pair {
    const new_h = torch.tanh(this.linear(x).add(h));
    return [new_h, new_h];
  }
};

export class MyDecisionGate extends nn.Module {
  override forward(x: Tensor): Tensor {
    // TypeScript compares numbers only; JavaScript asks the tensor for its one.
    if ((x.sum() as unknown as number) > 0) {
      return x;
    } else {
      return x.neg();
    }
  }
}

/** The third: with a gate, scripted or not. */
export class MyCell extends nn.Module {
  linear = nn.Linear(4, 4);

  constructor(readonly dg: torch.nn.Module) {
    super();
    this.dg = dg;
  }

  override async forward(x: Tensor, h: Tensor): Promise<Pair> {
    const new_h = torch.tanh((await this.dg(this.linear(x))).add(h));
    return [new_h, new_h];
  }
}

/** A loop over the time steps: to be scripted, with a traced cell. */
export class MyRNNLoop extends nn.Module {
  constructor(readonly cell: torch.nn.Module) {
    super();
    this.cell = cell;
  }

  override async forward(xs: Tensor): Promise<Pair> {
    let h = torch.zeros(3, 4);
    let y = torch.zeros(3, 4);
    for (let i = 0; i < xs.size(0); i++) {
      [y, h] = await this.cell(xs.select(0, i), h);
    }
    return [y, h];
  }
}

export class WrapRNN extends nn.Module {
  constructor(readonly loop: torch.nn.Module) {
    super();
    this.loop = loop;
  }

  override async forward(xs: Tensor): Promise<Tensor> {
    const [y] = await this.loop(xs);
    return torch.relu(y);
  }
}
