/** What the bundles of `minified.test.ts` run: a training loop, and what each derivative formula says that it saves. */
import { allOperators } from '@sconce/core';
import * as torch from 'sconce';
import { namesUsedBy } from '../../../core/src/autograd/operator_node.ts';

const { nn, optim } = torch;

class Net extends nn.Module {
  convs = nn.Sequential(
    nn.Conv2d(1, 4, 3, { padding: 1 }),
    nn.BatchNorm2d(4),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.GELU(),
  );
  norm = nn.LayerNorm([64]);
  mlp = nn.Linear(64, 10);
  override forward(x: torch.Tensor): torch.Tensor {
    return this.mlp(this.norm(this.convs(x).flatten(1)));
  }
}

async function train(): Promise<number[]> {
  torch.manual_seed(0);
  const net = new Net();
  const optimizer = optim.Adam(net.parameters(), { lr: 1e-2 });
  const x = torch.randn(8, 1, 8, 8);
  const target = torch.randint(10, [8]);
  const losses: number[] = [];
  for (let step = 0; step < 4; step++) {
    optimizer.zero_grad();
    const loss = nn.CrossEntropyLoss()(net(x), target);
    loss.backward();
    optimizer.step();
    losses.push((await loss.item()) as number);
  }
  return losses;
}

/** By operator and argument: what is saved for the formula. */
const formulas = (): Record<string, readonly string[] | null> =>
  Object.fromEntries(
    allOperators().flatMap((o) => [
      ...(o.gradientOfAll ? [[`${o}`, namesUsedBy(o.gradientOfAll)]] : []),
      ...Object.entries(o.gradients ?? {}).map(([name, f]) => [`${o}:${name}`, namesUsedBy(f)]),
    ]),
  );

export interface Report {
  readonly losses: number[];
  readonly formulas: Record<string, readonly string[] | null>;
  readonly printed: string;
}

export async function report(): Promise<Report> {
  await torch.use('wasm');
  const printed = String(nn.Sequential(nn.Linear(2, 2), nn.LeakyReLU(0.2), nn.LSTM(2, 3)));
  return { losses: await train(), formulas: formulas(), printed };
}
